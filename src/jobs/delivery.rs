//! Redis Streams, which wake a worker within milliseconds of a job.
//!
//! An entry says only that there is something to do: which job, and who does it, is decided in the
//! database. So an entry that is lost costs a poll, and nothing is lost with it. Each goes to one
//! worker of the group, so that one job does not wake them all.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::streams::{StreamMaxlen, StreamReadOptions, StreamReadReply};
use redis::{AsyncCommands, RedisResult};

use crate::error::Error;
use crate::redis_link::{Redis, answer};

/// The stream, in a Redis that others use too.
const STREAM: &str = "gpt-object-store:jobs";
/// The workers.
const GROUP: &str = "workers";
/// All workers read as one consumer: who reads what is nothing to remember, and a name for each
/// process would stay in Redis for ever.
const CONSUMER: &str = "worker";
/// Entries that are kept while nobody reads them, about.
const LONGEST: usize = 10_000;
/// How long a read waits for an entry, in milliseconds.
const BLOCK_MILLIS: usize = 5000;
/// How long a read may take before the connection counts as lost: longer than it waits.
const READ_PATIENCE: Duration = Duration::from_secs(10);

/// The way to the workers.
pub(super) struct Delivery {
    redis: Redis,
    is_away: AtomicBool,
}

/// A reader of the stream, on a connection of its own: a read that waits holds up the rest.
pub(super) struct Deliveries(MultiplexedConnection);

impl Delivery {
    /// By the Redis at `url`, which need not be there yet.
    pub(super) fn new(url: &str) -> Result<Self, Error> {
        let redis = Redis::new(url).map_err(|error| Error::Internal(Box::new(error)))?;
        Ok(Self {
            redis,
            is_away: AtomicBool::new(false),
        })
    }

    /// Says that there is something to do. False when Redis did not take it.
    pub(super) async fn announce(&self) -> bool {
        let failure = answer(self.add_entry()).await.err();
        let was_away = self.is_away.swap(failure.is_some(), Ordering::Relaxed);
        match &failure {
            Some(cause) if !was_away => {
                tracing::warn!(
                    cause,
                    "Redis is away: workers find jobs when they look next"
                );
            }
            None if was_away => tracing::info!("Redis is back: it wakes workers again"),
            _ => {}
        }
        failure.is_none()
    }

    async fn add_entry(&self) -> RedisResult<()> {
        let mut connection = self.redis.connection().await?;
        let limit = StreamMaxlen::Approx(LONGEST);
        connection
            .xadd_maxlen(STREAM, limit, "*", &[("due", "1")])
            .await
    }

    /// Joins the group, which is made when it is not there, such as after Redis was emptied.
    ///
    /// # Errors
    /// Redis's.
    pub(super) async fn listen(&self) -> RedisResult<Deliveries> {
        let mut connection = self.redis.waiting_connection(READ_PATIENCE).await?;
        let made: RedisResult<()> = connection.xgroup_create_mkstream(STREAM, GROUP, "0").await;
        match made {
            Err(error) if error.code() != Some("BUSYGROUP") => Err(error),
            _ => Ok(Deliveries(connection)),
        }
    }
}

impl Deliveries {
    /// Waits until there is an entry for us, for five seconds at most, and takes it away. False when
    /// there was none.
    ///
    /// # Errors
    /// Redis's; then there is nothing to wait for.
    pub(super) async fn next(&mut self) -> RedisResult<bool> {
        let options = StreamReadOptions::default()
            .group(GROUP, CONSUMER)
            .block(BLOCK_MILLIS)
            .count(1)
            // Nobody asks again for what was read by a worker that died: the table knows it.
            .noack();
        let read: Option<StreamReadReply> =
            self.0.xread_options(&[STREAM], &[">"], &options).await?;
        let entries = read.into_iter().flat_map(|reply| reply.keys);
        let ids: Vec<String> = entries
            .flat_map(|stream| stream.ids)
            .map(|entry| entry.id)
            .collect();
        if ids.is_empty() {
            return Ok(false);
        }
        let _removed: usize = self.0.xdel(STREAM, &ids).await?;
        Ok(true)
    }
}
