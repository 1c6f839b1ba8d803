"""Every user's list made beforehand: into a Parquet file, or into a cache that serves it in microseconds."""
