//! A Redis, as the limits and the queue reach it: it need not be there, and nobody waits long for it.

use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig, MultiplexedConnection};
use redis::{AsyncConnectionConfig, Client, RedisResult};
use tokio::sync::OnceCell;
use tokio::time::timeout;

/// The longest that a request waits for Redis.
const PATIENCE: Duration = Duration::from_millis(50);
/// The longest that a connection waits before it tries again to be one.
const LONGEST_RECONNECT: Duration = Duration::from_millis(500);

/// A Redis, and the connection to it that is kept.
pub struct Redis {
    client: Client,
    connection: OnceCell<ConnectionManager>,
}

impl Redis {
    /// The Redis at `url`, which need not be there yet.
    ///
    /// # Errors
    /// When the URL is none.
    pub fn new(url: &str) -> RedisResult<Self> {
        Ok(Self {
            client: Client::open(url)?,
            connection: OnceCell::new(),
        })
    }

    /// The connection that is kept, which is made at its first use and made again when it breaks.
    ///
    /// # Errors
    /// Redis's.
    pub async fn connection(&self) -> RedisResult<ConnectionManager> {
        let connect = || async {
            let config = ConnectionManagerConfig::new()
                .set_connection_timeout(Some(PATIENCE))
                .set_response_timeout(Some(PATIENCE))
                .set_max_delay(LONGEST_RECONNECT)
                .set_number_of_retries(0);
            ConnectionManager::new_with_config(self.client.clone(), config).await
        };
        let connection = self.connection.get_or_try_init(connect).await?;
        Ok(connection.clone())
    }

    /// A connection of its own for what waits, at most `patience` for an answer.
    ///
    /// # Errors
    /// Redis's.
    pub async fn waiting_connection(
        &self,
        patience: Duration,
    ) -> RedisResult<MultiplexedConnection> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(LONGEST_RECONNECT))
            .set_response_timeout(Some(patience));
        self.client
            .get_multiplexed_async_connection_with_config(&config)
            .await
    }
}

/// What Redis answers within 50 ms.
///
/// # Errors
/// For the log: why there is no answer.
pub async fn answer<T>(asked: impl Future<Output = RedisResult<T>>) -> Result<T, String> {
    match timeout(PATIENCE, asked).await {
        Ok(answered) => answered.map_err(|error| error.to_string()),
        Err(_elapsed) => Err(format!("no answer within {} ms", PATIENCE.as_millis())),
    }
}
