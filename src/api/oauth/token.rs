//! The token endpoint (RFC 6749, 3.2), and those where tokens are given back (RFC 7009) and looked
//! at (RFC 7662).

use poem::{Request, Response};
use serde_json::{Value, json};

use super::client::Presented;
use super::failure::{Failure, private_json};
use super::metadata::public_json;
use super::parameters::Parameters;
use super::{AuthorizationServer, INTROSPECT_TOKEN, ISSUE_TOKEN, REVOKE_TOKEN};
use crate::api::edge::{Behalf, Call};
use crate::auth::{Scope, bearer_token};
use crate::error::{Error, Unauthorized};
use crate::service::SessionGrant;
use crate::service::oauth::{Asker, Client, GrantError, Issued, Refusal, RefusalCode};

impl AuthorizationServer {
    /// Issues tokens.
    pub(super) async fn issue(&self, request: Request) -> Result<Response, Failure> {
        let (request, parameters) = Parameters::of_body(request).await?;
        let call = Call::of(&request);
        let client = self.client(&call, &request, &parameters).await?;
        let issued = self.grant(&client, &parameters).await?;
        call.note(&ISSUE_TOKEN, behalf_of(&issued.session));
        Ok(private_json(&answer(&issued)))
    }

    async fn grant(&self, client: &Client, parameters: &Parameters) -> Result<Issued, Failure> {
        let (scope, resources) = (parameters.get("scope"), parameters.resources());
        let granted = match parameters.need("grant_type")? {
            "authorization_code" => {
                let code = parameters.need("code")?;
                let redirect_uri = parameters.need("redirect_uri")?;
                let verifier = parameters.get("code_verifier");
                self.oauth
                    .exchange_code(client, code, redirect_uri, verifier, resources)
                    .await
            }
            "refresh_token" => {
                let token = parameters.need("refresh_token")?;
                self.oauth.refresh(client, token, scope, resources).await
            }
            "client_credentials" => {
                self.oauth
                    .client_credentials(client, scope, resources)
                    .await
            }
            _ => {
                let why = "There are authorization_code, refresh_token and client_credentials.";
                return Err(Refusal::new(RefusalCode::UnsupportedGrantType, why).into());
            }
        };
        Ok(granted?)
    }

    /// Takes a token back, with its whole session.
    pub(super) async fn revoke(&self, request: Request) -> Result<Response, Failure> {
        let (request, parameters) = Parameters::of_body(request).await?;
        let call = Call::of(&request);
        let client = self.client(&call, &request, &parameters).await?;
        let ended = self
            .oauth
            .revoke(&client, parameters.need("token")?)
            .await?;
        if let Some(session) = ended {
            call.note(&REVOKE_TOKEN, behalf_of(&session));
        }
        Ok(private_json(&json!({})))
    }

    /// Says what a token is good for.
    pub(super) async fn introspect(&self, request: Request) -> Result<Response, Failure> {
        let (request, parameters) = Parameters::of_body(request).await?;
        let call = Call::of(&request);
        let (asker, behalf) = self.asker(&call, &request, &parameters).await?;
        let seen = self
            .oauth
            .introspect(&asker, parameters.need("token")?)
            .await?;
        call.note(&INTROSPECT_TOKEN, behalf);
        Ok(private_json(
            &seen.map_or(json!({ "active": false }), Value::from),
        ))
    }

    /// The public keys that tokens are verified with (RFC 7517).
    pub(super) async fn keys(&self) -> Result<Response, Failure> {
        Ok(public_json(&self.oauth.public_keys().await?))
    }

    /// Who asks about a token: a client that proves who it is, or an operator with a key.
    async fn asker(
        &self,
        call: &Call,
        request: &Request,
        parameters: &Parameters,
    ) -> Result<(Asker, Behalf), Failure> {
        let Some(key) = bearer_token(request) else {
            let client = self.client(call, request, parameters).await?;
            if !client.is_confidential() {
                let why = "A public client cannot prove who it is, so it is told nothing.";
                return Err(Refusal::new(RefusalCode::InvalidClient, why).into());
            }
            let behalf = Behalf {
                gpt_id: Some(client.gpt_id().clone()),
                application_id: Some(client.id().to_owned()),
                ..Behalf::default()
            };
            return Ok((Asker::Client(Box::new(client)), behalf));
        };
        match self.authenticator.verify(key).await {
            Ok(principal) if principal.scopes.contains(Scope::Admin) => {
                Ok((Asker::Operator, Behalf::of(&principal)))
            }
            Ok(_) => {
                let why = "Only an operator's key may look at tokens.".to_owned();
                Err(Error::Forbidden(why).into())
            }
            Err(Error::Unauthorized(why)) => Err(Failure::Problem(call.refuse(why).await)),
            Err(error) => Err(error.into()),
        }
    }

    /// Who shows itself, which counts as a wrong key does when it cannot.
    async fn client(
        &self,
        call: &Call,
        request: &Request,
        parameters: &Parameters,
    ) -> Result<Client, Failure> {
        let known = async {
            let shown = Presented::of(request, parameters)?;
            let secret = shown.secret.as_deref();
            self.oauth
                .authenticate_client(&shown.client_id, secret)
                .await
        };
        match known.await {
            Err(GrantError::Refused(refusal)) if refusal.code == RefusalCode::InvalidClient => {
                Err(slowed_or(call, Unauthorized::Unknown, refusal).await)
            }
            known => Ok(known?),
        }
    }
}

fn behalf_of(grant: &SessionGrant) -> Behalf {
    let session = &grant.session;
    Behalf {
        gpt_id: Some(session.gpt_id.clone()),
        key_id: session.key_id.clone(),
        application_id: Some(session.client_id.clone()),
        session_id: Some(session.id),
    }
}

/// `refusal`, or a 429 for an address that does not stop.
async fn slowed_or(call: &Call, why: Unauthorized, refusal: Refusal) -> Failure {
    let problem = call.refuse(why).await;
    if problem.retry_after().is_some() {
        Failure::Problem(problem)
    } else {
        refusal.into()
    }
}

/// RFC 6749, 5.1.
fn answer(issued: &Issued) -> Value {
    let mut answer = json!({
        "access_token": issued.access_token,
        "token_type": "Bearer",
        "expires_in": issued.expires_in,
        "scope": issued.scopes.to_string(),
    });
    if let Some(token) = &issued.refresh_token {
        answer["refresh_token"] = token.reveal().into();
    }
    answer
}
