//! What a GPT uses, for the operator.

use std::time::Duration;

use super::Service;
use crate::clock::Timestamp;
use crate::error::Error;
use crate::ids::{GptId, Tenant};
use crate::store::{CallCounts, StoredUsage};

/// How far back calls are counted when nobody says.
const PERIOD: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// What a GPT has stored, and its calls in a period.
#[derive(Clone, Copy, Debug)]
pub struct GptUsage {
    /// What is stored.
    pub stored: StoredUsage,
    /// Whether `stored.entries` says something: in a bucket nobody counts them.
    pub knows_entries: bool,
    /// Calls by their status.
    pub calls: CallCounts,
    /// The beginning of the period.
    pub since: Timestamp,
    /// Its end, which is not part of it.
    pub until: Timestamp,
}

impl Service {
    /// What a GPT has stored, and its calls from `since` (else for 30 days) until `until` (else now).
    ///
    /// # Errors
    /// [`Error::GptNotFound`]; [`Error::InvalidRequest`] for a period that ends before it begins; the
    /// store's and the bucket's.
    pub async fn gpt_usage(
        &self,
        id: &GptId,
        since: Option<Timestamp>,
        until: Option<Timestamp>,
    ) -> Result<GptUsage, Error> {
        let until = until.unwrap_or_else(Timestamp::now);
        let since = since.unwrap_or_else(|| until.minus(PERIOD));
        if until < since {
            return Err(Error::invalid("until", "must not be before since"));
        }
        self.get_gpt(id).await?;
        let tenant = Tenant::vouched(id.clone());
        let mut stored = self.store.stored_usage(&tenant).await?;
        let elsewhere = self.namespaces_in_bucket(id).await?;
        if let Some((namespaces, bytes)) = elsewhere {
            stored.namespaces = namespaces;
            stored.namespace_bytes = bytes;
        }
        Ok(GptUsage {
            stored,
            knows_entries: elsewhere.is_none(),
            calls: self.store.count_calls(&tenant, since, until).await?,
            since,
            until,
        })
    }
}
