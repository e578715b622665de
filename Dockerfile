# The worker and the `tidegate` command. Kafka and PostgreSQL come from their own images (docker-compose.yml).
FROM python:3.11.14-slim-bookworm AS build
WORKDIR /src
RUN python -m venv /opt/tidegate
# What the lock names, by its hashes, and nothing that was published since. The tests' tools come along: there is one lock, that of the tested versions.
COPY requirements.lock ./
RUN /opt/tidegate/bin/pip install --no-cache-dir --no-deps --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY pipeline pipeline
COPY schemas schemas
COPY sinks sinks
COPY agents agents
COPY history history
COPY loadtest loadtest
COPY ops ops
RUN /opt/tidegate/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.11.14-slim-bookworm
RUN groupadd --gid 10001 tidegate \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/tidegate --shell /usr/sbin/nologin tidegate \
 && install -d -o 10001 -g 10001 -m 0700 /var/lib/tidegate
COPY --from=build /opt/tidegate /opt/tidegate
ENV PATH=/opt/tidegate/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    TIDEGATE_HOME=/var/lib/tidegate
WORKDIR /var/lib/tidegate
USER 10001:10001
CMD ["tidegate", "worker"]
