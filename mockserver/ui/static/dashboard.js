// What the pages do beyond links and forms: live refresh, questions before a form is sent, and copying.
// Without this script everything but the live refresh works.

const stateNames = { live: "Live", reconnecting: "Reconnecting…", paused: "Paused", stale: "Stale: reload the page" };

/** Replaces the fragments that are marked data-live by those of the page as it is now. */
class Live {
  constructor(address) {
    this.address = address;
    this.indicator = document.querySelector("p.live");
    this.paused = false;
    this.missed = 0;
    this.timer = null;
    this.running = false;
    this.again = false;
    this.indicator.hidden = false;
    this.indicator.querySelector("[data-pause]").addEventListener("click", () => this.toggle());
    this.connect();
  }

  connect() {
    // tail=0: only what happens from now on; when the connection is cut, the browser resumes with Last-Event-ID
    this.source = new EventSource(`${this.address}?tail=0`);
    let opened = false;
    this.source.onopen = () => {
      this.show(this.paused ? "paused" : "live");
      if (opened) this.changed(); // what happened while the connection was cut
      opened = true;
    };
    this.source.onerror = () => {
      if (this.source.readyState === EventSource.CLOSED) {
        this.show("stale");
        setTimeout(() => this.connect(), 3000);
      } else {
        this.show("reconnecting");
      }
    };
    for (const kind of ["request", "act", "delivery", "attempt", "refusal", "progress"]) {
      this.source.addEventListener(kind, () => this.changed());
    }
  }

  show(state) {
    this.indicator.dataset.liveState = state;
    this.indicator.querySelector("span").textContent =
      state === "paused" && this.missed ? `Paused, ${this.missed} new` : stateNames[state];
  }

  toggle() {
    this.paused = !this.paused;
    this.indicator.querySelector("[data-pause]").textContent = this.paused ? "Resume" : "Pause";
    if (!this.paused && this.missed) this.refresh();
    this.missed = 0;
    this.show(this.paused ? "paused" : "live");
  }

  changed() {
    if (this.paused) {
      this.missed += 1;
      this.show("paused");
      return;
    }
    this.timer ??= setTimeout(() => {
      this.timer = null;
      this.refresh();
    }, 60);
  }

  async refresh() {
    if (this.running) {
      this.again = true;
      return;
    }
    this.running = true;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      if (!answer.ok) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const old of document.querySelectorAll("[data-live]")) {
        const made = page.getElementById(old.id);
        if (made && made.innerHTML !== old.dataset.shown && !old.contains(document.activeElement?.closest("form"))) {
          replace(old, made);
        }
      }
    } catch {
      // the stream tells when the server is away
    } finally {
      this.running = false;
      if (this.again) {
        this.again = false;
        this.changed();
      }
    }
  }
}

/** Puts the new children into an element; open details and the focused link stay. */
function replace(old, made) {
  const html = made.innerHTML;
  const open = new Set([...old.querySelectorAll("details[open][id]")].map((each) => each.id));
  const focused = old.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
  const rows = new Set([...old.querySelectorAll("[data-row]")].map((each) => each.dataset.row));
  old.replaceChildren(...made.childNodes);
  old.dataset.shown = html;
  for (const each of old.querySelectorAll("details[id]")) each.open ||= open.has(each.id);
  for (const each of old.querySelectorAll("[data-row]")) each.classList.toggle("fresh", !rows.has(each.dataset.row));
  if (focused) [...old.querySelectorAll("a")].find((each) => each.getAttribute("href") === focused)?.focus();
  prepare(old);
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

prepare(document);
document.querySelector("[data-focus]")?.focus();
const { stream } = document.body.dataset;
if (stream) new Live(stream);
setInterval(tick, 1000);
