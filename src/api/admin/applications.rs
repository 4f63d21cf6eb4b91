//! The operations on OAuth applications.

use std::time::Duration;

use uuid::Uuid;

use super::generated::defaults;
use super::generated::operations::{
    ApplicationsHandlers, CreateApplicationParams, CreateApplicationReply, GetApplicationParams,
    GetApplicationReply, ListApplicationsParams, ListApplicationsReply, RevokeApplicationParams,
    RevokeApplicationReply, RotateApplicationSecretParams, RotateApplicationSecretReply,
    UpdateApplicationParams, UpdateApplicationReply,
};
use super::generated::types;
use super::gpts::gpt_id;
use super::keys::{each_scope, granted, or_general, rate_limits};
use super::lists::page_limit;
use crate::api::Handlers;
use crate::api::problem::Problem;
use crate::auth::{Operator, Scopes};
use crate::clock::Timestamp;
use crate::error::Error;
use crate::ids::{CollectionName, InvalidName};
use crate::service::{
    ApplicationRow, ApplicationUpdate, IssuedApplication, Keyset, NewApplication, Rows,
};

impl ApplicationsHandlers for Handlers {
    async fn create_application(
        &self,
        _operator: Operator,
        request: CreateApplicationParams,
    ) -> Result<CreateApplicationReply, Problem> {
        let created = self
            .service
            .create_application(new_application(request.body)?)
            .await;
        let created = created.map_err(|error| error.under("/"))?;
        let issued = created.ok_or(Error::GptNotFound)?;
        Ok(CreateApplicationReply::Created {
            location: format!("/admin/v1/applications/{}", issued.row.client_id),
            body: issued.into(),
        })
    }

    async fn list_applications(
        &self,
        _operator: Operator,
        request: ListApplicationsParams,
    ) -> Result<ListApplicationsReply, Problem> {
        let list = self.filtered("list_applications", &[request.gpt_id.as_deref()]);
        let after: Option<(Timestamp, Uuid)> = list.after(request.cursor.as_deref())?;
        let of_gpt = request.gpt_id.as_deref();
        let of_gpt = of_gpt.map(|id| gpt_id("gpt_id", id)).transpose()?;
        let page = Keyset {
            after,
            ascending: true,
            limit: page_limit(request.limit, defaults::LIST_APPLICATIONS_LIMIT),
        };
        let found = self.service.list_applications(of_gpt.as_ref(), &page).await;
        let (items, has_more) = found?;
        let rows = Rows { items, has_more };
        let next_cursor = list.next(&rows, |row| (row.created_at, row.id));
        Ok(ListApplicationsReply::Ok {
            body: types::ApplicationPage {
                has_more: rows.has_more,
                items: rows.items.into_iter().map(Into::into).collect(),
                next_cursor,
            },
        })
    }

    async fn get_application(
        &self,
        _operator: Operator,
        request: GetApplicationParams,
    ) -> Result<GetApplicationReply, Problem> {
        let found = self.service.get_application(&request.client_id).await?;
        let body = found.ok_or(Error::ApplicationNotFound)?.into();
        Ok(GetApplicationReply::Ok { body })
    }

    async fn update_application(
        &self,
        _operator: Operator,
        request: UpdateApplicationParams,
    ) -> Result<UpdateApplicationReply, Problem> {
        let found = self.service.get_application(&request.client_id).await?;
        let row = found.ok_or(Error::ApplicationNotFound)?;
        if row.revoked_at.is_some() {
            return Err(Error::invalid("client_id", "is a revoked application's").into());
        }
        let updated = self
            .service
            .update_application(&request.client_id, update(request.body)?)
            .await;
        let updated = updated.map_err(|error| error.under("/"))?;
        let body = updated.ok_or(Error::ApplicationNotFound)?.into();
        Ok(UpdateApplicationReply::Ok { body })
    }

    async fn rotate_application_secret(
        &self,
        _operator: Operator,
        request: RotateApplicationSecretParams,
    ) -> Result<RotateApplicationSecretReply, Problem> {
        let seconds = request.body.keep_old_seconds.unwrap_or(0);
        let keep_old = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
        let rotated = self
            .service
            .rotate_application_secret(&request.client_id, keep_old)
            .await?;
        let body = rotated.ok_or(Error::ApplicationNotFound)?.into();
        Ok(RotateApplicationSecretReply::Ok { body })
    }

    async fn revoke_application(
        &self,
        _operator: Operator,
        request: RevokeApplicationParams,
    ) -> Result<RevokeApplicationReply, Problem> {
        let revoked = self.service.revoke_application(&request.client_id).await?;
        let body = revoked.ok_or(Error::ApplicationNotFound)?.into();
        Ok(RevokeApplicationReply::Ok { body })
    }
}

fn new_application(body: types::CreateApplicationRequest) -> Result<NewApplication, Error> {
    let scopes = body.scopes.as_deref().map(granted).transpose()?;
    Ok(NewApplication {
        gpt_id: gpt_id("/gpt_id", &body.gpt_id)?,
        name: body.name,
        is_public: body.is_public.unwrap_or(false),
        scopes: scopes.unwrap_or_else(Scopes::of_a_gpt),
        collections: body.collections.as_deref().map(collections).transpose()?,
        redirect_uris: body.redirect_uris.unwrap_or_default(),
        rate_limits: body.rate_limits.as_deref().map(rate_limits).transpose()?,
    })
}

fn update(body: types::UpdateApplicationRequest) -> Result<ApplicationUpdate, Error> {
    let collections = match (body.collections, body.all_collections.unwrap_or(false)) {
        (Some(_), true) => {
            let detail = "send collections or all_collections, not both";
            return Err(Error::invalid("/all_collections", detail));
        }
        (Some(names), false) => Some(Some(collections(&names)?)),
        (None, true) => Some(None),
        (None, false) => None,
    };
    Ok(ApplicationUpdate {
        name: body.name,
        scopes: body.scopes.as_deref().map(granted).transpose()?,
        collections,
        redirect_uris: body.redirect_uris,
        rate_limits: body.rate_limits.as_deref().map(or_general).transpose()?,
    })
}

/// Names that the contract's pattern has already let through.
fn collections(names: &[String]) -> Result<Vec<CollectionName>, Error> {
    let names = names.iter().map(|name| name.parse());
    let names = names.collect::<Result<_, InvalidName>>();
    names.map_err(|error| Error::invalid("/collections", error.to_string()))
}

impl From<ApplicationRow> for types::Application {
    fn from(row: ApplicationRow) -> Self {
        let names = |all: Vec<CollectionName>| all.iter().map(ToString::to_string).collect();
        Self {
            client_id: row.client_id,
            gpt_id: row.gpt_id.to_string(),
            name: row.name,
            is_public: row.is_public,
            scopes: each_scope(&row.scopes),
            collections: row.collections.map(names),
            redirect_uris: row.redirect_uris,
            rate_limits: row.rate_limits,
            created_at: row.created_at,
            updated_at: row.updated_at,
            last_used: row.last_used,
            revoked_at: row.revoked_at,
        }
    }
}

impl From<IssuedApplication> for types::IssuedApplication {
    fn from(issued: IssuedApplication) -> Self {
        let secret = issued.secret.as_ref();
        let shown = types::Application::from(issued.row);
        Self {
            client_id: shown.client_id,
            client_secret: secret.map(|secret| secret.reveal().to_owned()),
            gpt_id: shown.gpt_id,
            name: shown.name,
            is_public: shown.is_public,
            scopes: shown.scopes,
            collections: shown.collections,
            redirect_uris: shown.redirect_uris,
            rate_limits: shown.rate_limits,
            created_at: shown.created_at,
            updated_at: shown.updated_at,
            last_used: shown.last_used,
            revoked_at: shown.revoked_at,
        }
    }
}
