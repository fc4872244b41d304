"""Where everything is kept: records in SQLite, blobs in files, and what is made of the two."""
