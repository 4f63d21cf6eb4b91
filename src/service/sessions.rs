//! Sessions of applications, as the operator sees and ends them.

use uuid::Uuid;

use super::Service;
use crate::clock::Timestamp;
use crate::error::Error;
use crate::ids::Tenant;
use crate::store::{EndReason, SessionQuery, SessionRow};

impl Service {
    /// A page of sessions, and whether there are more.
    ///
    /// # Errors
    /// The store's.
    pub async fn list_sessions(
        &self,
        query: &SessionQuery,
    ) -> Result<(Vec<SessionRow>, bool), Error> {
        Ok(self.store.list_sessions(query).await?)
    }

    /// Ends the session for the operator and returns it; `None` when there is none. Its tokens are
    /// refused at once on this node, and within 5 seconds elsewhere.
    ///
    /// # Errors
    /// The store's.
    pub async fn end_session(&self, id: Uuid) -> Result<Option<SessionRow>, Error> {
        let Some(gpt_id) = self.store.gpt_of_session(id).await? else {
            return Ok(None);
        };
        let (tenant, now) = (Tenant::vouched(gpt_id), Timestamp::now());
        let ended = self
            .store
            .end_session(&tenant, id, EndReason::Operator, now)
            .await?;
        self.revocations.note();
        Ok(ended)
    }
}
