//! What becomes known of a request on its way, where the edge and the routes both see it.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use poem::Request;
use uuid::Uuid;

use super::rates;
use crate::api::problem::Problem;
use crate::api::wire::Operation;
use crate::auth::{ForwardedChange, Principal};
use crate::error::{Error, Unauthorized};
use crate::ids::GptId;
use crate::limits::{Decision, Limiter};

/// On whose behalf something was done that no key in the header allows.
#[derive(Clone, Debug, Default)]
pub struct Behalf {
    /// The GPT that it concerns.
    pub gpt_id: Option<GptId>,
    /// The public id of the key that a person showed.
    pub key_id: Option<String>,
    /// The application's client id.
    pub application_id: Option<String>,
    /// The session that was opened, renewed or ended.
    pub session_id: Option<Uuid>,
}

impl Behalf {
    /// Of who calls with a key or a token.
    #[must_use]
    pub fn of(principal: &Principal) -> Self {
        Self {
            gpt_id: principal.gpt_id.clone(),
            key_id: principal.who.key_id().map(str::to_owned),
            application_id: principal.who.application().map(Cow::into_owned),
            session_id: principal.who.session_id(),
        }
    }
}

/// A request on its way. Clones are the same request.
#[derive(Clone)]
pub struct Call(Arc<Inner>);

struct Inner {
    address: IpAddr,
    limiter: Option<Limiter>,
    operation: OnceLock<&'static Operation>,
    principal: OnceLock<Arc<Principal>>,
    behalf: OnceLock<Behalf>,
    decisions: Mutex<Vec<Decision>>,
    entered: OnceLock<Instant>,
    forwarded: ForwardedChange,
}

impl Call {
    /// A request from `address` that `limiter`, if there is one, has to admit.
    pub(super) fn new(address: IpAddr, limiter: Option<Limiter>) -> Self {
        Self(Arc::new(Inner {
            address,
            limiter,
            operation: OnceLock::new(),
            principal: OnceLock::new(),
            behalf: OnceLock::new(),
            decisions: Mutex::default(),
            entered: OnceLock::new(),
            forwarded: ForwardedChange::default(),
        }))
    }

    /// The call that `request` is, as the edge knows it.
    #[must_use]
    pub fn of(request: &Request) -> Self {
        let known = request.data::<Self>().cloned();
        known.unwrap_or_else(Self::unlimited)
    }

    /// Notes what was done, and on whose behalf, for the record of calls. Nothing is asked of the
    /// limits.
    pub fn note(&self, operation: &'static Operation, behalf: Behalf) {
        // A request is for one operation, so nothing is there yet.
        let _first = self.0.operation.set(operation);
        let _first = self.0.behalf.set(behalf);
    }

    /// A request that nobody waits for at the edge.
    #[must_use]
    pub fn unlimited() -> Self {
        Self::new(Ipv4Addr::UNSPECIFIED.into(), None)
    }

    /// Admits the request for its address.
    ///
    /// # Errors
    /// 429 when the address has sent too many.
    pub(super) async fn admit_address(&self) -> Result<(), Problem> {
        match &self.0.limiter {
            None => Ok(()),
            Some(limiter) => self.settle(limiter.admit_address(self.0.address).await),
        }
    }

    /// Notes which operation the request is for, and admits it for its key; `None` stands for a
    /// caller without one.
    ///
    /// # Errors
    /// 429 when the key has sent too many.
    pub async fn enter(
        &self,
        operation: &'static Operation,
        principal: Option<&Arc<Principal>>,
    ) -> Result<(), Problem> {
        // A request is for one operation and has one key, so nothing is there yet.
        let _first = self.0.operation.set(operation);
        let Some(principal) = principal else {
            return Ok(());
        };
        let _first = self.0.principal.set(principal.clone());
        let Some(limiter) = &self.0.limiter else {
            let _first = self.0.entered.set(Instant::now());
            return Ok(());
        };
        let own = principal.rate_limits.as_ref();
        let whose = principal.who.bucket();
        let decided = limiter.admit_key(&whose, own, operation.writes()).await;
        let _first = self.0.entered.set(Instant::now());
        self.settle(decided)
    }

    /// What to answer when the credentials were refused with `why`: a 401, or a 429 for an address
    /// that does not stop.
    pub async fn refuse(&self, why: Unauthorized) -> Problem {
        let decision = match &self.0.limiter {
            None => None,
            Some(limiter) => limiter.note_failure(self.0.address).await,
        };
        let failed = self.settle(decision.into_iter().collect());
        failed
            .err()
            .unwrap_or_else(|| Error::Unauthorized(why).into())
    }

    fn settle(&self, decided: Vec<Decision>) -> Result<(), Problem> {
        let denied = decided.iter().find(|decision| decision.wait.is_some());
        let outcome = denied.map_or(Ok(()), |decision| Err(rates::problem(decision)));
        let decisions = self.0.decisions.lock();
        let mut decisions = decisions.unwrap_or_else(PoisonError::into_inner);
        decisions.extend(decided);
        outcome
    }

    /// What the request changed, if that is forwarded.
    #[must_use]
    pub fn forwarded(&self) -> &ForwardedChange {
        &self.0.forwarded
    }

    /// The client's address.
    #[must_use]
    pub fn address(&self) -> IpAddr {
        self.0.address
    }

    /// When it was known who calls.
    pub(super) fn entered(&self) -> Option<Instant> {
        self.0.entered.get().copied()
    }

    /// The operation, once a route was entered.
    pub(super) fn operation(&self) -> Option<&'static Operation> {
        self.0.operation.get().copied()
    }

    /// Whose key the request has, once it was found good.
    pub(super) fn principal(&self) -> Option<&Arc<Principal>> {
        self.0.principal.get()
    }

    /// On whose behalf something was done, if no key in the header allowed it.
    pub(super) fn behalf(&self) -> Option<&Behalf> {
        self.0.behalf.get()
    }

    /// What was decided about the request so far.
    pub(super) fn decisions(&self) -> Vec<Decision> {
        let decisions = self.0.decisions.lock();
        decisions.unwrap_or_else(PoisonError::into_inner).clone()
    }
}
