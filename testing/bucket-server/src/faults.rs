//! Failures that a test plans.

use std::sync::{Mutex, MutexGuard, PoisonError};

use http::{Method, Uri};
use percent_encoding::percent_decode_str;
use serde::Deserialize;

/// The servers that can be told to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Server {
    S3,
    Gcs,
}

/// What a failure does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Blow {
    /// The request is answered with this status, and does nothing.
    Status(u16),
    /// The answer breaks off after so many bytes of its body.
    Cut(u64),
}

/// A failure to come: it happens to requests that it fits, `count` times.
#[derive(Debug, Deserialize)]
pub struct Fault {
    #[serde(flatten)]
    blow: Blow,
    count: u32,
    /// Both, when it is not named.
    server: Option<Server>,
    /// Any, when it is not named.
    method: Option<String>,
    /// What the path holds, so that tests that run at once do not fail each other.
    #[serde(default)]
    path: String,
    /// What the query holds, such as `uploadId`.
    #[serde(default)]
    query: String,
}

/// The failures planned and not yet used up.
#[derive(Debug, Default)]
pub struct Faults {
    planned: Mutex<Vec<Fault>>,
}

impl Faults {
    fn planned(&self) -> MutexGuard<'_, Vec<Fault>> {
        self.planned.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Plans a failure.
    pub fn plan(&self, fault: Fault) {
        self.planned().push(fault);
    }

    /// Forgets the failures whose path is `path`.
    pub fn clear(&self, path: &str) {
        let mut planned = self.planned();
        planned.retain(|fault| fault.path != path);
    }

    /// What happens to a request, when a failure was planned for it.
    pub fn strike(&self, server: Server, method: &Method, uri: &Uri) -> Option<Blow> {
        let mut planned = self.planned();
        let index = planned
            .iter()
            .position(|fault| fault.fits(server, method, uri))?;
        let fault = &mut planned[index];
        let blow = fault.blow;
        fault.count -= 1;
        if fault.count == 0 {
            planned.remove(index);
        }
        Some(blow)
    }
}

impl Fault {
    fn fits(&self, server: Server, method: &Method, uri: &Uri) -> bool {
        let path = percent_decode_str(uri.path()).decode_utf8_lossy();
        self.count > 0
            && self.server.is_none_or(|named| named == server)
            && self
                .method
                .as_ref()
                .is_none_or(|named| method.as_str() == named)
            && path.contains(&self.path)
            && uri.query().unwrap_or_default().contains(&self.query)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_strikes_as_often_as_planned_and_only_where() {
        let faults = Faults::default();
        let fault =
            r#"{"status": 503, "count": 2, "server": "gcs", "method": "PUT", "path": "a/b"}"#;
        faults.plan(serde_json::from_str(fault).unwrap());
        let strike = |server, method, uri| faults.strike(server, &method, &Uri::from_static(uri));
        assert_eq!(strike(Server::S3, Method::PUT, "/test/a%2Fb"), None);
        assert_eq!(strike(Server::Gcs, Method::GET, "/test/a%2Fb"), None);
        assert_eq!(strike(Server::Gcs, Method::PUT, "/test/c"), None);
        for _ in 0..2 {
            let blow = strike(Server::Gcs, Method::PUT, "/test/a%2Fb");
            assert_eq!(blow, Some(Blow::Status(503)));
        }
        assert_eq!(strike(Server::Gcs, Method::PUT, "/test/a%2Fb"), None);
    }
}
