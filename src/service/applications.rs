//! Applications: the programs that ask for tokens, as the operator makes and changes them.

use std::time::Duration;

use uuid::Uuid;

use super::Service;
use super::gpts::check_name;
use super::idempotency::internal;
use crate::auth::{ClientSecret, Scope, Scopes, new_client_id};
use crate::clock::Timestamp;
use crate::error::{Error, Violation};
use crate::ids::{CollectionName, GptId, Tenant};
use crate::limits::RateLimits;
use crate::store::{ApplicationChange, ApplicationRow, Keyset, StoreErrorKind};

/// The most addresses that an application may be answered at.
const REDIRECT_URIS: usize = 10;
/// The longest of them, in bytes.
const URI_BYTES: usize = 2000;
/// The most collections that an application may be restricted to.
const COLLECTIONS: usize = 100;

/// An application to be made.
#[derive(Clone, Debug)]
pub struct NewApplication {
    /// The GPT for which it acts.
    pub gpt_id: GptId,
    /// A name for people, who see it when they are asked for consent.
    pub name: String,
    /// Whether it can keep no secret.
    pub is_public: bool,
    /// The most that it may be granted.
    pub scopes: Scopes,
    /// The only collections that it may see; `None` for all.
    pub collections: Option<Vec<CollectionName>>,
    /// Where answers may be sent.
    pub redirect_uris: Vec<String>,
    /// Its own rate limits, which stand before the general ones.
    pub rate_limits: Option<RateLimits>,
}

/// What is to be changed of an application; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct ApplicationUpdate {
    /// The name for people.
    pub name: Option<String>,
    /// The most that it may be granted.
    pub scopes: Option<Scopes>,
    /// The only collections that it may see; `Some(None)` for all.
    pub collections: Option<Option<Vec<CollectionName>>>,
    /// Where answers may be sent.
    pub redirect_uris: Option<Vec<String>>,
    /// Its own rate limits; `Some(None)` for the general ones.
    pub rate_limits: Option<Option<RateLimits>>,
}

/// An application whose secret was just made: the only time that it is seen in clear.
#[derive(Debug)]
pub struct IssuedApplication {
    /// The application.
    pub row: ApplicationRow,
    /// Its secret; none for a public one.
    pub secret: Option<ClientSecret>,
}

impl Service {
    /// Makes an application; `None` when there is no such GPT.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`]; the store's.
    pub async fn create_application(
        &self,
        new: NewApplication,
    ) -> Result<Option<IssuedApplication>, Error> {
        check(&ApplicationUpdate {
            name: Some(new.name.clone()),
            scopes: Some(new.scopes.clone()),
            collections: Some(new.collections.clone()),
            redirect_uris: Some(new.redirect_uris.clone()),
            rate_limits: None,
        })?;
        let secret = (!new.is_public).then(ClientSecret::generate);
        let secret = secret.transpose().map_err(internal)?;
        let now = Timestamp::now();
        let row = ApplicationRow {
            id: Uuid::now_v7(),
            gpt_id: new.gpt_id,
            client_id: new_client_id().map_err(internal)?,
            name: new.name,
            is_public: new.is_public,
            secret_hash: secret.as_ref().map(ClientSecret::hash),
            previous_secret: None,
            scopes: new.scopes.to_string(),
            collections: new.collections,
            redirect_uris: new.redirect_uris,
            rate_limits: new.rate_limits.map(|limits| limits.to_string()),
            created_at: now,
            updated_at: now,
            last_used: None,
            revoked_at: None,
        };
        match self.store.insert_application(&row).await {
            Ok(()) => Ok(Some(IssuedApplication { row, secret })),
            Err(error) if error.kind() == StoreErrorKind::ForeignKeyViolation => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// A page of the applications of one GPT, or of all, and whether there are more.
    ///
    /// # Errors
    /// The store's.
    pub async fn list_applications(
        &self,
        gpt_id: Option<&GptId>,
        page: &Keyset,
    ) -> Result<(Vec<ApplicationRow>, bool), Error> {
        Ok(self.store.list_applications(gpt_id, page).await?)
    }

    /// The application with this client id.
    ///
    /// # Errors
    /// The store's.
    pub async fn get_application(&self, client_id: &str) -> Result<Option<ApplicationRow>, Error> {
        Ok(self.store.find_client(client_id).await?)
    }

    /// Changes an application and returns it; `None` when there is none. Its tokens obey at once on
    /// this node, and within 5 seconds elsewhere.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`], also for an application that is revoked; the store's.
    pub async fn update_application(
        &self,
        client_id: &str,
        update: ApplicationUpdate,
    ) -> Result<Option<ApplicationRow>, Error> {
        check(&update)?;
        let Some(row) = self.live_application(client_id).await? else {
            return Ok(None);
        };
        let rate_limits = update.rate_limits;
        let change = ApplicationChange {
            name: update.name,
            scopes: update.scopes.map(|scopes| scopes.to_string()),
            collections: update.collections,
            redirect_uris: update.redirect_uris,
            rate_limits: rate_limits.map(|own| own.map(|limits| limits.to_string())),
        };
        let (tenant, now) = (Tenant::vouched(row.gpt_id), Timestamp::now());
        let changed = self
            .store
            .update_application(&tenant, row.id, change, now)
            .await?;
        self.revocations.note();
        Ok(changed)
    }

    /// Gives a confidential application another secret; the one that it had is good for `keep_old`
    /// more. `None` when there is no such application.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] for an application that is public or revoked; the store's.
    pub async fn rotate_application_secret(
        &self,
        client_id: &str,
        keep_old: Duration,
    ) -> Result<Option<IssuedApplication>, Error> {
        let Some(row) = self.live_application(client_id).await? else {
            return Ok(None);
        };
        if row.is_public {
            let detail = "is a public application's, which has no secret";
            return Err(Error::invalid("client_id", detail));
        }
        let secret = ClientSecret::generate().map_err(internal)?;
        let (tenant, now) = (Tenant::vouched(row.gpt_id), Timestamp::now());
        let rotated = self
            .store
            .rotate_application_secret(&tenant, row.id, secret.hash(), now.plus(keep_old), now)
            .await?;
        Ok(rotated.map(|row| IssuedApplication {
            row,
            secret: Some(secret),
        }))
    }

    /// Revokes an application with all its sessions and returns it; `None` when there is none. Its
    /// tokens are refused at once on this node, and within 5 seconds elsewhere.
    ///
    /// # Errors
    /// The store's.
    pub async fn revoke_application(
        &self,
        client_id: &str,
    ) -> Result<Option<ApplicationRow>, Error> {
        let Some(row) = self.store.find_client(client_id).await? else {
            return Ok(None);
        };
        let (tenant, now) = (Tenant::vouched(row.gpt_id), Timestamp::now());
        let revoked = self.store.revoke_application(&tenant, row.id, now).await?;
        self.revocations.note();
        Ok(revoked)
    }

    /// The application, which must not be revoked.
    async fn live_application(&self, client_id: &str) -> Result<Option<ApplicationRow>, Error> {
        let found = self.store.find_client(client_id).await?;
        if found.as_ref().is_some_and(|row| row.revoked_at.is_some()) {
            return Err(Error::invalid("client_id", "is a revoked application's"));
        }
        Ok(found)
    }
}

/// Checks what is given, and reports every fault at once.
fn check(update: &ApplicationUpdate) -> Result<(), Error> {
    let mut faults = Vec::new();
    if let Some(Err(Error::InvalidRequest(places))) = update.name.as_deref().map(check_name) {
        faults.extend(places);
    }
    if let Some(scopes) = &update.scopes {
        faults.extend(scope_fault(scopes));
    }
    if let Some(Some(collections)) = &update.collections
        && !(1..=COLLECTIONS).contains(&collections.len())
    {
        let detail = format!("must name 1 to {COLLECTIONS} collections, or be left out for all");
        faults.push(Violation::new("collections", detail));
    }
    if let Some(uris) = &update.redirect_uris {
        faults.extend(redirect_faults(uris));
    }
    match faults.is_empty() {
        true => Ok(()),
        false => Err(Error::InvalidRequest(faults)),
    }
}

fn scope_fault(scopes: &Scopes) -> Option<Violation> {
    let detail = if scopes.is_empty() {
        "must name at least one scope"
    } else if scopes.contains(Scope::Admin) {
        "must not name `admin`: nobody operates the service with a token"
    } else {
        return None;
    };
    Some(Violation::new("scopes", detail))
}

fn redirect_faults(uris: &[String]) -> Vec<Violation> {
    if uris.len() > REDIRECT_URIS {
        let detail = format!("must have at most {REDIRECT_URIS} addresses");
        return vec![Violation::new("redirect_uris", detail)];
    }
    let faults = uris.iter().enumerate().filter_map(|(index, uri)| {
        let detail = redirect_fault(uri)?;
        Some(Violation::new(format!("redirect_uris/{index}"), detail))
    });
    faults.collect()
}

/// What keeps `uri` from being one that answers are sent to (RFC 6749, 3.1.2; RFC 9700, 4.1).
fn redirect_fault(uri: &str) -> Option<&'static str> {
    let is_plain = uri.bytes().all(|byte| byte.is_ascii_graphic());
    if uri.len() > URI_BYTES || !is_plain {
        return Some("must have at most 2000 characters, all of them visible ASCII");
    }
    let parsed = url::Url::parse(uri).ok();
    let Some(url) = parsed.filter(|_| uri.contains("://")) else {
        return Some("must be an absolute URL, such as https://example.com/callback");
    };
    if uri.contains('#') {
        return Some("must not have a fragment");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Some("must not have a user or password");
    }
    let is_loopback = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    match url.scheme() {
        "https" => None,
        "http" if is_loopback => None,
        _ => Some("must begin with https://, or with http:// and a host of this very machine"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_go_to_plain_https_or_to_this_machine() {
        for good in [
            "https://chat.openai.com/aip/g-0123456789abcdef0123456789abcdef01234567/oauth/callback",
            "https://chatgpt.com/aip/g-1/oauth/callback?a=b",
            "http://localhost:3000/cb",
            "http://127.0.0.1/cb",
            "http://[::1]:8080/cb",
        ] {
            assert_eq!(redirect_fault(good), None, "{good}");
        }
        for bad in [
            "",
            "/callback",
            "example.com/cb",
            "https:example.com",
            "https://",
            "http://example.com/cb",
            "http://localhost.example.com/cb",
            "http://127.0.0.1.example.com/cb",
            "https://example.com/cb#",
            "https://example.com/cb#x",
            "https://user@example.com/cb",
            "https://example.com/a b",
            "https://exämple.com/cb",
            "javascript://example.com/%0aalert(1)",
            "com.example.app:/cb",
        ] {
            assert!(redirect_fault(bad).is_some(), "{bad}");
        }
        assert!(redirect_fault(&format!("https://a.example/{}", "x".repeat(2000))).is_some());
    }

    #[test]
    fn every_fault_is_reported() {
        let update = ApplicationUpdate {
            name: Some("x".repeat(201)),
            scopes: Some("admin".parse().unwrap()),
            collections: Some(Some(Vec::new())),
            redirect_uris: Some(vec!["https://a.example".into(), "ftp://a.example".into()]),
            rate_limits: None,
        };
        let Err(Error::InvalidRequest(faults)) = check(&update) else {
            panic!("it should be refused");
        };
        let places: Vec<_> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
        assert_eq!(places, ["name", "scopes", "collections", "redirect_uris/1"]);
        assert!(check(&ApplicationUpdate::default()).is_ok());
        let many = ApplicationUpdate {
            scopes: Some(Scopes::default()),
            redirect_uris: Some(vec!["https://a.example".to_owned(); 11]),
            ..ApplicationUpdate::default()
        };
        let Err(Error::InvalidRequest(faults)) = check(&many) else {
            panic!("it should be refused");
        };
        assert_eq!(faults.len(), 2);
    }
}
