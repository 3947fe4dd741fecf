# syntax=docker/dockerfile:1

FROM rust:1.95.0-alpine AS build
# ring and zstd are partly C. The target of this image is musl, so the binary is static on every architecture.
RUN apk add --no-cache build-base
WORKDIR /build
COPY Cargo.toml Cargo.lock ./
COPY src src
COPY provision provision
COPY rig rig
RUN cargo build --locked --release --package sentinel-axiom --bin sentinel-axiom

# Nothing but CA certificates, time zones and a user without rights (65532).
FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /build/target/release/sentinel-axiom /sentinel-axiom
COPY pulls /pulls
USER nonroot:nonroot
STOPSIGNAL SIGTERM
ENTRYPOINT ["/sentinel-axiom"]
CMD ["run"]
