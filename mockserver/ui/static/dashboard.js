// What the pages do beyond links and forms: live refresh, questions before a form is sent, and copying.
// Without this script everything but the live refresh works.

const KINDS = ["request", "act", "delivery", "attempt", "refusal"];
const SOON = 30; // milliseconds in which rows are gathered before the page is refreshed
const SILENT = 40_000; // milliseconds without a sign of life, which the server gives every 15 seconds
const AGAIN = 2_000; // milliseconds until the next attempt to connect, or to read what has no stream

/** Follows the timeline of the account, and refreshes the fragments marked data-live when it grows. */
class Live {
  constructor(address) {
    this.address = address;
    this.indicator = document.querySelector("p.live");
    this.button = this.indicator.querySelector("[data-pause]");
    this.last = ""; // id of the last row that came
    this.heard = this.fresh = Date.now(); // when the server was heard, and when the page was up to date
    this.missed = 0; // rows while paused
    this.paused = this.running = this.again = false;
    this.timer = null;
    this.indicator.hidden = false;
    this.button.addEventListener("click", () => this.toggle());
    document.addEventListener("visibilitychange", () => document.hidden || this.check());
    addEventListener("pageshow", (event) => event.persisted && this.connect());
    addEventListener("pagehide", () => this.source.close());
    setInterval(() => this.check(), 5_000);
    setInterval(() => {
      if (document.querySelector("[data-poll]") && !this.paused && !document.hidden) this.refresh();
    }, AGAIN);
    this.connect();
  }

  /** Connects, from the last row on; when the connection is cut, the browser resumes with Last-Event-ID. */
  connect() {
    clearTimeout(this.retry);
    this.source?.close();
    const source = new EventSource(`${this.address}?${this.last ? `after=${encodeURIComponent(this.last)}` : "tail=1"}`);
    this.source = source;
    source.onopen = () => {
      this.hear();
      this.show(this.paused ? "paused" : "live");
      if (!this.paused) this.soon(); // what happened since the page was made, or the connection was lost
    };
    source.onerror = () => {
      this.show(Date.now() - this.fresh > SILENT ? "stale" : "reconnecting");
      if (source.readyState === EventSource.CLOSED) this.retry = setTimeout(() => this.connect(), AGAIN);
    };
    source.addEventListener("beat", () => this.hear());
    source.addEventListener("progress", (event) => {
      this.hear();
      const { now, to, count } = JSON.parse(event.data);
      if (!this.paused) this.show("moving", `The clock moves: ${now.slice(0, 10)} of ${to.slice(0, 10)}, ${count} acts`);
      this.changed(0);
    });
    for (const kind of KINDS) {
      source.addEventListener(kind, (event) => {
        this.last = event.lastEventId;
        this.hear();
        this.changed(1);
      });
    }
  }

  hear() {
    this.heard = Date.now();
    if (!this.paused && !this.running && this.timer === null) this.fresh = this.heard;
  }

  /** Finds a connection that is silent for too long, which the browser does not notice. */
  check() {
    if (Date.now() - this.heard <= SILENT) return;
    this.show("stale");
    this.connect();
  }

  show(state, text) {
    const since = new Date(this.fresh).toTimeString().slice(0, 8);
    const texts = {
      live: "Live",
      reconnecting: "Reconnecting…",
      paused: this.missed ? `Paused, ${this.missed} new` : "Paused",
      stale: `Stale: as of ${since}, no connection`,
    };
    if (this.paused && state === "live") state = "paused";
    this.indicator.dataset.liveState = state;
    const shown = this.indicator.querySelector("span");
    const wanted = text ?? texts[state];
    if (shown.textContent !== wanted) shown.textContent = wanted; // it is read aloud when it changes
  }

  toggle() {
    this.paused = !this.paused;
    this.button.textContent = this.paused ? "Resume" : "Pause";
    this.missed = 0;
    if (this.source.readyState === EventSource.OPEN) this.show(this.paused ? "paused" : "live");
    if (!this.paused) this.soon();
  }

  changed(rows) {
    if (!this.paused) return this.soon();
    this.missed += rows;
    this.show("paused");
  }

  soon() {
    this.timer ??= setTimeout(() => {
      this.timer = null;
      this.refresh();
    }, SOON);
  }

  /** Reads the page anew and takes its fragments over. One reading at a time. */
  async refresh() {
    if (this.running) {
      this.again = true;
      return;
    }
    this.running = true;
    const began = Date.now();
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      if (answer.status >= 500) throw new Error(answer.statusText);
      if (!answer.ok || this.paused) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const old of document.querySelectorAll("[data-live]")) {
        const made = page.getElementById(old.id);
        if (made && made.innerHTML !== old.served && !inUse(old)) replace(old, made);
      }
      this.fresh = began;
      if (this.source.readyState === EventSource.OPEN) this.show("live");
    } catch {
      this.show(Date.now() - this.fresh > SILENT ? "stale" : "reconnecting");
      setTimeout(() => this.soon(), AGAIN);
    } finally {
      this.running = false;
      if (this.again) {
        this.again = false;
        this.soon();
      }
    }
  }
}

/** Whether a person has typed something in a fragment, or is in one of its forms. */
function inUse(fragment) {
  const form = document.activeElement?.closest("form");
  const typing = form && form.querySelector("input:not([type=hidden]), select, textarea");
  return Boolean(typing && fragment.contains(form)) || fragment.querySelector("form[data-typed]") !== null;
}

/** Puts the new content into a fragment. What is unchanged stays: rows, open details, focus and scrolling. */
function replace(old, made) {
  const html = made.innerHTML;
  const open = new Set([...old.querySelectorAll("details[open][id]")].map((each) => each.id));
  const rows = new Map([...old.querySelectorAll("[data-row]")].map((each) => [each.dataset.row, each]));
  const focused = old.contains(document.activeElement) ? document.activeElement : null;
  const held = scrollY > 0 ? [...rows.values()].find((each) => each.getBoundingClientRect().bottom > 0) : null;
  const before = held?.getBoundingClientRect().top;
  const added = [];
  remember(made, html);
  for (const each of made.querySelectorAll("[data-row]")) {
    const known = rows.get(each.dataset.row);
    if (known && known.served === each.served) each.replaceWith(known);
    else if (!known) added.push(each);
  }
  old.replaceChildren(...made.childNodes);
  old.served = html;
  for (const each of old.querySelectorAll("details[id]")) each.open ||= open.has(each.id);
  for (const each of rows.values()) each.classList.remove("fresh");
  for (const each of added) each.classList.add("fresh");
  prepare(old);
  const now = held && old.querySelector(`[data-row="${CSS.escape(held.dataset.row)}"]`);
  if (now) scrollBy(0, now.getBoundingClientRect().top - before);
  if (focused && document.activeElement !== focused) same(old, focused)?.focus({ preventScroll: true });
}

/** Returns the element that a person had in focus, or the one that has taken its place. */
function same(root, focused) {
  if (focused.isConnected) return focused;
  if (focused.id) return document.getElementById(focused.id);
  const holder = focused.closest("[id]");
  const place = holder && document.getElementById(holder.id);
  const alike = [...(place ?? root).querySelectorAll(focused.tagName)];
  return alike.find((each) => each.textContent === focused.textContent) ?? null;
}

/** Notes what the server has sent, since scripts and people change attributes later. */
function remember(fragment, html = fragment.innerHTML) {
  fragment.served = html;
  for (const each of fragment.querySelectorAll("[data-row]")) each.served = each.outerHTML;
}

/** Shows the buttons that need this script. */
function prepare(root) {
  for (const each of root.querySelectorAll("[data-copy]")) each.hidden = false;
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (button) {
    await navigator.clipboard.writeText(button.closest("figure").querySelector("code").textContent);
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy"), 1500);
  }
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

document.addEventListener("input", (event) => {
  if (event.target.form) event.target.form.dataset.typed = "";
});

document.addEventListener("submit", (event) => {
  const question = event.target.dataset.confirm;
  if (question && event.submitter?.name !== "preview" && !confirm(question)) event.preventDefault();
});

/** Lets the time of a live clock go on, by its speed. */
function tick() {
  for (const each of document.querySelectorAll("time[data-ticking]")) {
    each.started ??= { at: performance.now(), shown: Date.parse(each.dateTime), zone: each.dateTime.slice(-6) };
    const moved = (performance.now() - each.started.at) * Number(each.dataset.ticking);
    const [sign, hours, minutes] = [each.started.zone[0], ...each.started.zone.slice(1).split(":").map(Number)];
    const offset = each.started.zone.includes(":") ? (sign === "-" ? -1 : 1) * (hours * 60 + minutes) * 60_000 : 0;
    const now = new Date(each.started.shown + moved + offset);
    each.textContent = now.toISOString().slice(0, 19).replace("T", " ");
  }
}

for (const each of document.querySelectorAll("[data-live]")) remember(each);
// in a narrow window the navigation is a strip that scrolls
const strip = document.querySelector(".body > nav");
const here = strip?.querySelector("[aria-current]");
if (here) strip.scrollLeft = here.getBoundingClientRect().right - strip.clientWidth;
prepare(document);
document.querySelector("[data-focus]")?.focus();
const { stream } = document.body.dataset;
if (stream) new Live(stream);
setInterval(tick, 1000);
