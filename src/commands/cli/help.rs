//! What `--help` says at its end.

pub(super) const AFTER_HELP: &str = "\
Environment (or a YAML file named by CONFIG; the environment wins; NAME_FILE names a file that has
the value of NAME, such as a secret):
  DATABASE_URL   sqlite://path or postgres://user:password@host/database
                 (default: sqlite://./data/gpt-object-store.db)
  DATA_DIR       where the embedded default keeps its files (default: ./data)
  LISTEN         address and port (default: 127.0.0.1:8000)
  ADMIN_LISTEN   address and port of the operator's API, apart from LISTEN (default: the same)
  PUBLIC_URL     what the outside calls this server (default: http://localhost:PORT)
  SECRET_KEY     signs cursors and links, the same on all replicas (default: made once, kept in the database)
  FILES_URL      where the bytes of files lie: file:///path, s3://bucket/prefix or
                 gs://bucket/prefix (default: DATA_DIR/files)
  FILES_ENCRYPTION_KEY
                 master keys of files, the same on all replicas: base64:… of 32 bytes, or
                 2:base64:…,1:base64:… (default: made once in DATA_DIR; needed with PostgreSQL)
  LOG            what to log: error, warn, info, debug, or a filter (default: info)
  LOG_FORMAT     text or json (default: text on a terminal, else json)
  RATE_LIMITS    requests of a key, its writing requests, and those of an address, in a time;
                 or off (default: key:60/m,write:10/m,ip:600/5m)
  REDIS_URL      where replicas share their rate limits (default: each has its own), and what
                 wakes workers at once
  WORKER         whether serve does jobs too: on (default) or off
  WORKER_LISTEN  where a worker answers /health and /metrics (default: nowhere)
  WORKER_CONCURRENCY, WORKER_POLL_MILLISECONDS, WORKER_LEASE_SECONDS, JOBS_DAYS
                 jobs at once, how often to look for more, how long a job waits for a worker that
                 died, and how long it is known when it ended (default: 2, 1000, 30, 30)
  WEBHOOK_HOSTS  the hosts to which changes may be forwarded, such as hooks.example.com or
                 .example.com (default: all that are public)
  WEBHOOK_NETWORKS
                 internal addresses or networks to which they may be all the same, also without TLS
                 (default: none)
  WEBHOOK_TIMEOUT_SECONDS, WEBHOOK_ATTEMPTS, WEBHOOK_CONCURRENCY
                 how long a receiver may take, attempts before a change is given up, and GPTs at
                 once (default: 15, 10, 16)
  TLS_CERTIFICATE, TLS_KEY
                 PEM files by which the server itself speaks HTTPS; read again when they change
  REQUIRE_HTTPS  on: what came in plain, to us or to a trusted proxy, is refused (default: off)
  TRUSTED_PROXIES, TRUSTED_PROXY_HEADER
                 addresses or networks of proxies, and where they name the client:
                 X-Forwarded-For (default) or Forwarded
  BACKUP_DIR, BACKUP_AT, BACKUP_DAYS
                 where the server backs SQLite up each day, when in UTC (default: 02:30), and how
                 many days backups are kept (default: 14)
  AUDIT_DAYS     how long the record of calls is kept (default: 90)
  OAUTH_ACCESS_TOKEN_SECONDS, OAUTH_REFRESH_TOKEN_DAYS, OAUTH_SESSION_DAYS
                 how long a token works, a session lasts unrenewed, and lasts at most
                 (default: 3600, 30, 180)
  OAUTH_ISSUER, OAUTH_ISSUER_JWKS, OAUTH_ISSUER_AUDIENCE, OAUTH_ISSUER_GPT_CLAIM,
  OAUTH_ISSUER_SCOPE_CLAIM
                 another issuer whose tokens are believed, where its keys are (https:// or a file),
                 and what its tokens say (CONFIG lists more as oauth: issuers:)
  MAX_REQUEST_BYTES, MAX_DOCUMENT_BYTES, MAX_DOCUMENT_DEPTH, REQUEST_SECONDS,
  DATABASE_MAX_CONNECTIONS, SHUTDOWN_GRACE_SECONDS
  FILES_MAX_SIZE_MB, FILES_MAX_PART_MB, FILES_MAX_UPLOAD_MB, FILES_DEFAULT_TTL, FILES_MAX_TTL,
  FILES_PURPOSES, FILES_MAX_BYTES_PER_GPT, FILES_MAX_FILES_PER_GPT, FILES_SWEEP_SECONDS,
  FILES_ORPHAN_SECONDS, AWS_…, GOOGLE_…

Examples:
  gpt-object-store                                   serve on http://localhost:8000
  gpt-object-store gpt create my-gpt                 a new tenant
  gpt-object-store key create my-gpt --expires-in 90d
  gpt-object-store key create my-gpt --scopes objects:read --json
  gpt-object-store key create my-gpt --rate-limits key:600/m,write:100/m
  gpt-object-store app create my-gpt --name Notes --redirect-uri https://example.com/callback
  gpt-object-store audit list --gpt my-gpt --since 24h
  gpt-object-store export --gpt my-gpt --output my-gpt.ndjson
  gpt-object-store import my-gpt.ndjson --gpt my-gpt";
