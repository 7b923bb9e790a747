# A list of the packages in the image: `make sbom`. What lists them is not in the image.
FROM metafed:local AS image
FROM python:3.11-slim-bookworm
RUN python -m venv /opt/tool && /opt/tool/bin/pip install --quiet --no-cache-dir cyclonedx-bom==7.5.0
COPY --from=image /opt/venv /opt/venv
RUN /opt/tool/bin/cyclonedx-py environment --output-reproducible --output-format JSON --output-file /sbom.json /opt/venv/bin/python
CMD ["cat", "/sbom.json"]
