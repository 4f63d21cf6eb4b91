//! The three grants: what a client shows, and the tokens that it gets for it.

use uuid::Uuid;

use super::OAuth;
use super::challenge::{self, Challenge};
use super::client::Client;
use super::refusal::{GrantError, Refusal, RefusalCode};
use super::scopes::asked_for;
use crate::auth::{AccessGrant, AuthorizationCode, RefreshToken, Scopes};
use crate::clock::Timestamp;
use crate::error::Error;
use crate::service::idempotency::internal;
use crate::store::{
    AuthorizationCodeRow, CodeExchange, GrantType, NewRefreshToken, NewSession, RefreshExchange,
    RefreshTokenRow, SessionGrant, WriteError,
};

/// Tokens that were issued just now.
#[derive(Debug)]
pub struct Issued {
    /// The access token, a JWT (RFC 9068).
    pub access_token: String,
    /// How long it is good, in seconds.
    pub expires_in: i64,
    /// What renews it, once.
    pub refresh_token: Option<RefreshToken>,
    /// What the access token allows.
    pub scopes: Scopes,
    /// The session that it belongs to.
    pub session: SessionGrant,
}

impl OAuth {
    /// Exchanges an authorization code (RFC 6749, 4.1.3). One that comes a second time ends the
    /// session that it was exchanged for, since two have it.
    ///
    /// # Errors
    /// `invalid_grant` unless the code was issued to this client for this redirect URI, less than a
    /// minute ago, and `verifier` is the one that it was asked for with; `invalid_target`.
    pub async fn exchange_code(
        &self,
        client: &Client,
        code: &str,
        redirect_uri: &str,
        verifier: Option<&str>,
        resources: &[String],
    ) -> Result<Issued, GrantError> {
        self.check_resources(resources)?;
        let refused = || invalid_grant("The code is not good, or no longer.");
        let code = AuthorizationCode::parse(code).ok_or_else(refused)?;
        let refresh_token = RefreshToken::generate().map_err(internal)?;
        let now = Timestamp::now();
        let session = |code: &AuthorizationCodeRow| {
            check_code(client, code, redirect_uri, verifier)?;
            Ok::<_, Refusal>(self.session_of(code, &refresh_token, now))
        };
        let taken = self
            .store
            .take_authorization_code(&client.tenant, &code.hash(), now, session)
            .await;
        match taken.map_err(refused_or_failed)? {
            CodeExchange::Opened(grant) => self.issue(*grant, None, Some(refresh_token)).await,
            CodeExchange::Reused(session) => {
                self.revocations.note();
                let client_id = client.id();
                tracing::warn!(client_id, ?session, "an authorization code came twice");
                Err(refused().into())
            }
            CodeExchange::Unknown | CodeExchange::Expired | CodeExchange::Over => {
                Err(refused().into())
            }
        }
    }

    fn session_of(
        &self,
        code: &AuthorizationCodeRow,
        refresh_token: &RefreshToken,
        now: Timestamp,
    ) -> NewSession {
        let expires_at = self.refresh_end(now, now);
        NewSession {
            id: Uuid::now_v7(),
            application_id: code.application_id,
            grant_type: GrantType::AuthorizationCode,
            key_id: Some(code.key_id.clone()),
            scopes: code.scopes.clone(),
            created_at: now,
            expires_at,
            refresh_token: Some(NewRefreshToken {
                token_hash: refresh_token.hash(),
                expires_at,
            }),
        }
    }

    /// Renews a session (RFC 6749, 6). The refresh token is good once; one that comes a second time
    /// ends the session, since two have it (RFC 9700, 4.14.2). The access token may have fewer
    /// scopes than the session; the next one may have all of them again.
    ///
    /// # Errors
    /// `invalid_grant` unless the token was issued to this client and its session is alive;
    /// `invalid_scope`; `invalid_target`.
    pub async fn refresh(
        &self,
        client: &Client,
        refresh_token: &str,
        scope: Option<&str>,
        resources: &[String],
    ) -> Result<Issued, GrantError> {
        self.check_resources(resources)?;
        let refused = || invalid_grant("The refresh token is not good, or no longer.");
        let shown = RefreshToken::parse(refresh_token).ok_or_else(refused)?;
        let next = RefreshToken::generate().map_err(internal)?;
        let now = Timestamp::now();
        let renew = |token: &RefreshTokenRow| {
            check_refresh(client, token, scope)?;
            Ok::<_, GrantError>(NewRefreshToken {
                token_hash: next.hash(),
                expires_at: self.refresh_end(token.grant.session.created_at, now),
            })
        };
        let rotated = self
            .store
            .rotate_refresh_token(&client.tenant, &shown.hash(), now, renew)
            .await;
        match rotated.map_err(refused_or_failed)? {
            RefreshExchange::Renewed(grant) => self.issue(*grant, scope, Some(next)).await,
            RefreshExchange::Reused(grant) => {
                self.revocations.note();
                let (client_id, session) = (client.id(), grant.session.id);
                tracing::warn!(client_id, ?session, "a refresh token came twice");
                Err(refused().into())
            }
            RefreshExchange::Unknown | RefreshExchange::Over => Err(refused().into()),
        }
    }

    /// A token for the client itself (RFC 6749, 4.4), without a refresh token: it has its secret.
    ///
    /// # Errors
    /// `unauthorized_client` for a public client; `invalid_scope`; `invalid_target`.
    pub async fn client_credentials(
        &self,
        client: &Client,
        scope: Option<&str>,
        resources: &[String],
    ) -> Result<Issued, GrantError> {
        self.check_resources(resources)?;
        if !client.is_confidential() {
            let why = "A public client cannot prove who it is, so it gets no token for itself.";
            return Err(Refusal::new(RefusalCode::UnauthorizedClient, why).into());
        }
        let most: Scopes = client.application.scopes.parse().map_err(internal)?;
        let now = Timestamp::now();
        let new = NewSession {
            id: Uuid::now_v7(),
            application_id: client.application.id,
            grant_type: GrantType::ClientCredentials,
            key_id: None,
            scopes: asked_for(scope, &most)?.to_string(),
            created_at: now,
            expires_at: now.plus(self.config.access_token_time),
            refresh_token: None,
        };
        let opened = self.store.open_session(&client.tenant, &new).await?;
        let grant = opened.ok_or_else(|| invalid_grant("The application was revoked."))?;
        self.issue(grant, None, None).await
    }

    /// When a session that is renewed at `now` is over: some days later, but never so many after
    /// its beginning.
    fn refresh_end(&self, begin: Timestamp, now: Timestamp) -> Timestamp {
        let renewed = now.plus(self.config.refresh_token_time);
        renewed.min(begin.plus(self.config.session_time))
    }

    async fn issue(
        &self,
        session: SessionGrant,
        scope: Option<&str>,
        refresh_token: Option<RefreshToken>,
    ) -> Result<Issued, GrantError> {
        let scopes = asked_for(scope, &standing(&session)?)?;
        let granted = AccessGrant {
            gpt_id: session.session.gpt_id.clone(),
            client_id: session.session.client_id.clone(),
            session_id: session.session.id,
            key_id: session.session.key_id.clone(),
            scopes: scopes.clone(),
            until: session.session.expires_at,
        };
        let token = self.tokens.issue(&granted).await?;
        let left = token.expires_at.as_seconds() - Timestamp::now().as_seconds();
        Ok(Issued {
            access_token: token.token,
            expires_in: left.max(0),
            refresh_token,
            scopes,
            session,
        })
    }
}

fn invalid_grant(why: &str) -> Refusal {
    Refusal::new(RefusalCode::InvalidGrant, why)
}

fn refused_or_failed<E: Into<GrantError>>(error: WriteError<E>) -> GrantError {
    match error {
        WriteError::Refused(why) => why.into(),
        WriteError::Store(error) => error.into(),
    }
}

/// Whether the code was issued to this client, for this redirect URI, and for whoever has the
/// verifier. What is told is the same for a code that there is not, but for faults of the client's
/// own making.
fn check_code(
    client: &Client,
    code: &AuthorizationCodeRow,
    redirect_uri: &str,
    verifier: Option<&str>,
) -> Result<(), Refusal> {
    if code.application_id != client.application.id {
        return Err(invalid_grant("The code is not good, or no longer."));
    }
    if code.redirect_uri != redirect_uri {
        return Err(invalid_grant(
            "The redirect_uri is not the one that the code was sent to.",
        ));
    }
    let challenge = code.code_challenge.clone().map(Challenge::stored);
    challenge::check(challenge.as_ref(), verifier)
}

/// Whether the token was issued to this client, and `scope` asks for no more than it has.
fn check_refresh(
    client: &Client,
    token: &RefreshTokenRow,
    scope: Option<&str>,
) -> Result<(), GrantError> {
    if token.grant.session.application_id != client.application.id {
        return Err(invalid_grant("The refresh token is not good, or no longer.").into());
    }
    asked_for(scope, &standing(&token.grant)?)?;
    Ok(())
}

/// What is left of what was granted: neither more than the application may have today, nor more than
/// the key that stands behind it.
pub(super) fn standing(grant: &SessionGrant) -> Result<Scopes, Error> {
    let read = |scopes: &str| scopes.parse::<Scopes>().map_err(internal);
    let granted = read(&grant.session.scopes)?.within(&read(&grant.application_scopes)?);
    match &grant.key {
        None => Ok(granted),
        Some(key) => Ok(granted.within(&read(&key.scopes)?)),
    }
}
