# audit-image as a container: docker build -t audit-image --build-arg COMMIT="$(git rev-parse HEAD)" .
#
# BASE has Python 3.11 or newer with its venv module, and certificates. What runs may be smaller: RUN_BASE needs no
# shell and no pip, only the same Python in the same place (gcr.io/distroless/python3-debian12 beside Debian 12's).
ARG BASE=python:3.13-slim
ARG RUN_BASE=${BASE}

FROM ${BASE} AS build
# Where pip looks, as pip itself reads it; empty: PyPI.
ARG PIP_INDEX_URL=
ARG PIP_FIND_LINKS=
ARG PIP_NO_INDEX=
ARG COMMIT=
WORKDIR /src
COPY requirements.lock ./
RUN python3 -m venv /opt/audit-image \
 && /opt/audit-image/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements.lock
COPY pyproject.toml hatch_build.py README.md LICENSE ./
COPY auditor ./auditor
RUN test -z "$COMMIT" || echo "$COMMIT" >auditor/commit.txt; \
    /opt/audit-image/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps . \
 && /opt/audit-image/bin/pip uninstall --yes --quiet pip

FROM ${RUN_BASE}
COPY --from=build /opt/audit-image /opt/audit-image
ENV PATH=/opt/audit-image/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
WORKDIR /work
USER 65532:65532
ENTRYPOINT ["audit-image"]
