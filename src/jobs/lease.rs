//! Leases: what a worker holds is its own while it renews the lease.

use std::time::Duration;

use futures::future::BoxFuture;
use tokio::time::{Instant, sleep, timeout_at};

use crate::clock::Timestamp;
use crate::error::chain;
use crate::store::StoreError;

/// Renews a lease of this length, which was just taken, and returns when it is lost. `renew` says
/// whether it could be renewed until then.
pub(super) async fn hold<'a>(
    lease: Duration,
    renew: impl Fn(Timestamp) -> BoxFuture<'a, Result<bool, StoreError>>,
) {
    let mut ends = Instant::now() + lease;
    loop {
        sleep(lease / 3).await;
        let begun = Instant::now();
        let until = Timestamp::now().plus(lease);
        match timeout_at(ends, renew(until)).await {
            Ok(Ok(true)) => ends = begun + lease,
            Ok(Ok(false)) | Err(_) => return,
            Ok(Err(error)) => {
                tracing::debug!(cause = chain(&error), "a lease cannot be renewed yet");
            }
        }
    }
}
