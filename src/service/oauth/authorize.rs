//! The authorization request, and a person's consent to it.

use std::time::Duration;

use super::OAuth;
use super::challenge::Challenge;
use super::redirect::is_registered;
use super::refusal::{Refusal, RefusalCode};
use super::scopes::asked_for;
use crate::auth::{AuthorizationCode, Principal, Scopes, Who};
use crate::clock::Timestamp;
use crate::error::Error;
use crate::ids::Tenant;
use crate::service::idempotency::internal;
use crate::store::{ApplicationRow, AuthorizationCodeRow};

/// How long a code is good: a redirect and a request.
const CODE_TIME: Duration = Duration::from_secs(60);

/// What a client sends a person with (RFC 6749, 4.1.1), as it came.
#[derive(Clone, Copy, Debug, Default)]
pub struct AuthorizationRequest<'a> {
    /// Who asks.
    pub client_id: Option<&'a str>,
    /// Where the answer is to go.
    pub redirect_uri: Option<&'a str>,
    /// `code`.
    pub response_type: Option<&'a str>,
    /// `query`, or nothing.
    pub response_mode: Option<&'a str>,
    /// Scopes, separated by blanks.
    pub scope: Option<&'a str>,
    /// RFC 7636.
    pub code_challenge: Option<&'a str>,
    /// RFC 7636.
    pub code_challenge_method: Option<&'a str>,
    /// RFC 8707.
    pub resources: &'a [String],
    /// Whether there is a request in a JWT, which could say something else.
    pub has_request_object: bool,
    /// A parameter that came twice.
    pub repeated: Option<&'a str>,
}

/// Why nobody is asked.
#[derive(Debug)]
pub enum Stop {
    /// It is not known where an answer could go without being sent to a stranger: the person is
    /// told.
    Here(DeadEnd),
    /// The client is told, at its redirect URI.
    Back(Refusal),
    /// It is our fault, or that of something that we need.
    Failed(Error),
}

/// Why an answer cannot be sent to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeadEnd {
    /// No application has this client id, or it was revoked.
    UnknownClient,
    /// The redirect URI is missing, or not one that is registered.
    UnregisteredRedirect,
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Back(refusal)
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// A request that a person can be asked about.
#[derive(Clone, Debug)]
pub struct Asked {
    application: ApplicationRow,
    redirect_uri: String,
    challenge: Option<Challenge>,
    scopes: Scopes,
    resource: Option<String>,
}

impl Asked {
    /// Who asks.
    #[must_use]
    pub fn application(&self) -> &ApplicationRow {
        &self.application
    }

    /// For what.
    #[must_use]
    pub fn scopes(&self) -> &Scopes {
        &self.scopes
    }

    /// Where the answer goes.
    #[must_use]
    pub fn redirect_uri(&self) -> &str {
        &self.redirect_uri
    }
}

impl OAuth {
    /// Checks a request before anybody is asked: first where an answer may go, then the rest.
    ///
    /// # Errors
    /// [`Stop`]: where to say what is wrong, and what.
    pub async fn consider(&self, request: AuthorizationRequest<'_>) -> Result<Asked, Stop> {
        let unknown = Stop::Here(DeadEnd::UnknownClient);
        let client_id = once(&request, "client_id", request.client_id).ok_or(unknown)?;
        let found = self.find_live_application(client_id).await?;
        let application = found.ok_or(Stop::Here(DeadEnd::UnknownClient))?;
        let redirect_uri = once(&request, "redirect_uri", request.redirect_uri)
            .filter(|uri| is_registered(&application.redirect_uris, uri))
            .ok_or(Stop::Here(DeadEnd::UnregisteredRedirect))?
            .to_owned();
        check_form(&request)?;
        let challenge = Challenge::parse(request.code_challenge, request.code_challenge_method)?;
        if application.is_public && challenge.is_none() {
            let wanted = "A public client sends a code_challenge by S256 (RFC 7636).";
            return Err(Refusal::malformed(wanted).into());
        }
        self.check_resources(request.resources)?;
        let most: Scopes = application.scopes.parse().map_err(internal)?;
        Ok(Asked {
            scopes: asked_for(request.scope, &most)?,
            resource: request
                .resources
                .first()
                .map(|_| self.public_url.to_string()),
            application,
            redirect_uri,
            challenge,
        })
    }

    /// Grants what was asked, as far as the key of `principal` reaches, and gives the code for it.
    ///
    /// # Errors
    /// [`Error::Forbidden`], with a sentence for the person, when the key cannot grant it; the
    /// store's.
    pub async fn consent(
        &self,
        asked: &Asked,
        principal: &Principal,
    ) -> Result<AuthorizationCode, Error> {
        let forbidden = |why: &str| Err(Error::Forbidden(why.to_owned()));
        let Who::Key { id: key_id } = &principal.who else {
            return forbidden("This is not an API key.");
        };
        let application = &asked.application;
        match &principal.gpt_id {
            None => return forbidden("An operator's key has no data that it could share."),
            Some(gpt_id) if *gpt_id != application.gpt_id => {
                return forbidden("This key belongs to another GPT.");
            }
            Some(_) => {}
        }
        let granted = asked.scopes.within(&principal.scopes);
        if granted.is_empty() {
            return forbidden("This key may do nothing of what is asked for.");
        }
        let code = AuthorizationCode::generate().map_err(internal)?;
        let now = Timestamp::now();
        let row = AuthorizationCodeRow {
            code_hash: code.hash(),
            application_id: application.id,
            redirect_uri: asked.redirect_uri.clone(),
            code_challenge: asked
                .challenge
                .as_ref()
                .map(|challenge| challenge.as_str().to_owned()),
            scopes: granted.to_string(),
            key_id: key_id.clone(),
            resource: asked.resource.clone(),
            created_at: now,
            expires_at: now.plus(CODE_TIME),
            used_at: None,
            session_id: None,
        };
        let tenant = Tenant::vouched(application.gpt_id.clone());
        self.store.insert_authorization_code(&tenant, &row).await?;
        Ok(code)
    }
}

/// The value of a parameter that decides where the answer goes: none when there are two.
fn once<'a>(
    request: &AuthorizationRequest<'a>,
    name: &str,
    value: Option<&'a str>,
) -> Option<&'a str> {
    value.filter(|_| request.repeated != Some(name))
}

/// What can be wrong with a request of any client.
fn check_form(request: &AuthorizationRequest<'_>) -> Result<(), Refusal> {
    if request.repeated.is_some() {
        return Err(Refusal::malformed("A parameter was sent more than once."));
    }
    if request.has_request_object {
        let why = "Send the parameters themselves, not request or request_uri.";
        return Err(Refusal::new(RefusalCode::RequestNotSupported, why));
    }
    match request.response_type {
        Some("code") => {}
        None => return Err(Refusal::missing("response_type")),
        Some(_) => {
            let why = "The only response_type here is code.";
            return Err(Refusal::new(RefusalCode::UnsupportedResponseType, why));
        }
    }
    match request.response_mode {
        None | Some("query") => Ok(()),
        Some(_) => Err(Refusal::malformed("The only response_mode here is query.")),
    }
}
