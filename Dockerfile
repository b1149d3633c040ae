# One image for every service; the command chooses: `worker agents`, `worker tools`, `gateway`, `flower`.

FROM python:3.11-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
COPY requirements/ requirements/
# The build backend goes into the builder's own Python, so that the environment holds what runs and nothing else.
RUN python -m venv --without-pip /opt/backdesk \
    && pip install --require-hashes -r requirements/setup.txt \
    && pip --python /opt/backdesk/bin/python install --require-hashes -r requirements/runtime.txt
COPY . .
RUN pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
    && pip --python /opt/backdesk/bin/python install --no-deps /wheels/*.whl

FROM python:3.11-slim
# A fixed id, so that volumes and secret files keep fitting from one image to the next.
RUN useradd --uid 10001 --home-dir /data --create-home --shell /usr/sbin/nologin backdesk
COPY --from=build /opt/backdesk /opt/backdesk
ENV PATH="/opt/backdesk/bin:$PATH" PYTHONUNBUFFERED=1 BACKDESK_DATA_DIR=/data
WORKDIR /data
VOLUME /data
# A number, so that orchestrators can tell that it is not root.
USER 10001
ENTRYPOINT ["backdesk"]
CMD ["--help"]
