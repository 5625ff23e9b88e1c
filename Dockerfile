# Two stages: a wheel is built with the Rust toolchain, then installed into a slim image that has neither compiler nor root.
#
#   docker build -t tollway .
#   docker run --read-only --tmpfs /tmp -p 8080:8080 -v tollway:/data tollway
#
# Everything that is written goes to /data (the volume) and /tmp. Settings come as TOLLWAY_* variables at run time; no secret
# belongs into an image. Packages are installed from the locks with hashes checked.

FROM rust:1.95-slim-bookworm AS wheel
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3 python3-venv \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY requirements/build.lock requirements/
RUN python3 -m venv /opt/build \
    && /opt/build/bin/pip install --no-cache-dir --require-hashes -r requirements/build.lock
COPY Cargo.toml Cargo.lock pyproject.toml README.md LICENSE ./
COPY core_rs core_rs
COPY bench/Cargo.toml bench/Cargo.toml
COPY bench/src bench/src
COPY control control
RUN /opt/build/bin/maturin build --release --locked --out /wheels

FROM python:3.11-slim-bookworm
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
COPY requirements/runtime.lock /tmp/runtime.lock
COPY --from=wheel /wheels /tmp/wheels
RUN pip install --no-cache-dir --require-hashes -r /tmp/runtime.lock \
    && pip install --no-cache-dir --no-deps --no-index /tmp/wheels/*.whl \
    && rm -rf /tmp/runtime.lock /tmp/wheels \
    && groupadd --gid 10001 tollway \
    && useradd --uid 10001 --gid tollway --no-create-home --home-dir /data --shell /usr/sbin/nologin tollway \
    && install -d -o tollway -g tollway -m 0700 /data
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 10001:10001
WORKDIR /data
VOLUME ["/data"]
EXPOSE 8080
# 30 s of grace for the first start, which migrates the database.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8080/healthz', timeout=2)"]
# SIGTERM drains: running requests end before the process does.
STOPSIGNAL SIGTERM
ENTRYPOINT ["tollway"]
CMD ["serve", "--host", "0.0.0.0", "--data", "/data"]
