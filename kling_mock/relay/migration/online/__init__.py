"""The upgrade that copies the table while the application runs (MariaDB, MySQL 8)."""
