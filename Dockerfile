# The build runs on the builder's own architecture: esbuild's output is the same everywhere, and
# onnxruntime-node carries the native part of every architecture in its package.
FROM --platform=$BUILDPLATFORM docker.io/library/node:24-trixie-slim AS build
WORKDIR /src
COPY package.json package-lock.json ./
# Nothing that the bundle needs is made by an install script.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json ./
COPY scripts/build.ts scripts/sbom.ts scripts/
COPY scripts/bundle scripts/bundle
COPY proto proto
COPY src src
RUN node scripts/build.ts

# Of the packages only ONNX Runtime's native part remains, for one architecture. package.json says
# that the bundles are ES modules, which spares Node a second parse.
ARG TARGETARCH
RUN set -eu; \
    case "$TARGETARCH" in \
      amd64) arch=x64 ;; \
      arm64) arch=arm64 ;; \
      *) echo "onnxruntime-node has no native part for linux/$TARGETARCH" >&2; exit 1 ;; \
    esac; \
    from=node_modules/onnxruntime-node; \
    to=/app/$from; \
    native=bin/napi-v6/linux/$arch; \
    mkdir -p "$to/$native"; \
    cp -r dist/. package.json /app/; \
    node scripts/sbom.ts /app/sbom.cdx.json; \
    cp "$from/package.json" "$to/"; \
    cp "$from/$native/libonnxruntime.so.1" "$to/$native/"; \
    cp "$from/$native/onnxruntime_binding.node" "$to/$native/"; \
    chmod -R a+rX,go-w /app

FROM gcr.io/distroless/nodejs24-debian13:nonroot
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="thaw" \
      org.opencontainers.image.description="Model server for KServe that wakes from zero" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION"
COPY --from=build /app /app
# The base's own folder belongs to one uid; this one every uid may enter.
WORKDIR /app
# Distroless puts node at /nodejs/bin and not on the PATH.
ENV PATH=/nodejs/bin:/usr/bin:/bin
# Measured with scripts/image-test.ts (1 CPU, Iris, 16 connections; medians of 4 and 5 runs on a
# busy 2-core machine, so rates differ by 20 % by chance; resident MiB, requests per second):
#                               memory limit 1 GiB             memory limit 256 MiB
#                               idle  20,000 requests  rate    idle  20,000 requests  rate
#   no flags                    122   190              6234    119   162              4815
#   semi-space 2                122   170              5647    122   167              5691
#   semi-space 4                122   170              6045    122   166              4601
#   semi-space 8                122   179              5763    122   175              4469
#   semi-space 4, old space 64                                 122   170              5555
# The old space is left to Node, which knows the container's limit: 64 MiB saved nothing here, and a
# JSON request of 16 MiB then ended the process even where 1 GiB was allowed.
ENV NODE_OPTIONS="--max-semi-space-size=4"
# glibc raises these with every large block that is freed, and then keeps the memory of unloaded
# models, which fresh workers cannot give back either. 800 weights of 256 KiB in and out, twice,
# without them: 105, 532, 547, 955, 803 MiB; with them: 102, 338, 131, 342, 134.
ENV MALLOC_MMAP_THRESHOLD_=65536 MALLOC_TRIM_THRESHOLD_=1048576
# ONNX Runtime sends nothing to its makers; main.ts says so as well.
ENV ORT_DISABLE_TELEMETRY=1
# Numeric, so that runAsNonRoot can be checked; any other uid does as well.
USER 65532
EXPOSE 8080
ENTRYPOINT ["node", "/app/thaw.js", "serve"]
