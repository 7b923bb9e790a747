# A list of the packages in the image: `make sbom`. What lists them is not in the image, and pinned with hashes as well.
ARG BASE=python:3.11-slim-bookworm
FROM metafed:local AS image
FROM $BASE
COPY sbom.lock /
RUN python -m venv /opt/tool \
 && /opt/tool/bin/pip install --quiet --no-cache-dir --no-deps --require-hashes -r /sbom.lock
COPY --from=image /opt/venv /opt/venv
RUN /opt/tool/bin/cyclonedx-py environment --output-reproducible --output-format JSON --output-file /sbom.json /opt/venv/bin/python
CMD ["cat", "/sbom.json"]
