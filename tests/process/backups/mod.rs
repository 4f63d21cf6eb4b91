//! Backups: of SQLite by the program's own commands, of PostgreSQL by the sidecar's scripts.

mod connection;
mod rotation;
mod sidecar;
mod sqlite;
mod writers;

use sidecar::Sidecar;
use writers::Writers;
