# syntax=docker/dockerfile:1

# The newest patch release of the Go version that go.mod asks for.
FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
# The commit goes into the binary, where git can tell it.
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    git status --short >/dev/null 2>&1 || export GOFLAGS=-buildvcs=false; \
    CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o /out/usr/bin/orgd ./cmd/orgd
# What a program without a distribution still needs: certificates for TLS to
# PostgreSQL and to the trace collector, a user, and a folder to write to.
RUN mkdir -p /out/etc/ssl/certs /out/var/lib/orgd /out/tmp \
 && cp /etc/ssl/certs/ca-certificates.crt /out/etc/ssl/certs/ \
 && echo 'orgd:x:65532:65532:orgd:/var/lib/orgd:/sbin/nologin' > /out/etc/passwd \
 && echo 'orgd:x:65532:' > /out/etc/group

FROM scratch
COPY --from=build /out/usr /usr
COPY --from=build /out/etc /etc
COPY --from=build --chown=65532:65532 /out/var/lib/orgd /var/lib/orgd
COPY --from=build --chown=65532:65532 /out/tmp /tmp
USER 65532:65532
WORKDIR /var/lib/orgd
VOLUME /var/lib/orgd
# Docker stops waiting for the end after 10 s.
ENV ORGD_STORE=sqlite:/var/lib/orgd/orgd.db \
    ORGD_LISTEN=:8787 \
    ORGD_ADMIN_LISTEN=:8788 \
    ORGD_SHUTDOWN_TIMEOUT=8s
EXPOSE 8787 8788
ENTRYPOINT ["/usr/bin/orgd"]
CMD ["serve"]
