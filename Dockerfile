# docker build -t mockserver .
# docker run --rm -p 127.0.0.1:8080:8080 -e MOCKSERVER_CONTROL_TOKEN=none mockserver

FROM python:3.13-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
COPY requirements/ requirements/
RUN pip install --requirement requirements/build.txt && \
    pip wheel --wheel-dir /wheels --requirement requirements/run.txt
COPY pyproject.toml README.md LICENSE ./
COPY mockserver/ mockserver/
COPY fixtures/ fixtures/
COPY scenarios/ scenarios/
RUN pip wheel --no-deps --no-build-isolation --wheel-dir /wheels .

FROM python:3.13-slim
# the wheels are mounted only for this step, so they add no layer
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels \
    pip install --no-cache-dir --disable-pip-version-check --no-index --find-links /wheels billogram-mockserver
# /data is for --database /data/sandbox.db
RUN useradd --system --uid 10001 mockserver && \
    mkdir /data && \
    chown mockserver /data
USER mockserver
WORKDIR /data
VOLUME /data
EXPOSE 8080
# also for custom commands: loopback would be that of the container
ENV MOCKSERVER_HOST=0.0.0.0
HEALTHCHECK --interval=10s --timeout=10s --start-period=60s CMD ["mockserver", "wait", "--timeout", "5s"]
ENTRYPOINT ["mockserver"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8080"]
