"""The Python face of the native engine: templates, schemas, vetting and digests of model files."""
