//! Applications: the programs that ask for tokens, and what they may have.

use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect, QueryTrait, Set,
};
use uuid::Uuid;

use super::entity::applications::{self, Column};
use super::keyset::{Keyset, seek};
use super::sessions::EndReason;
use super::touch::{Touched, Uses};
use super::transaction::{Retry, end};
use super::{Store, StoreError};
use crate::clock::Timestamp;
use crate::ids::{CollectionName, GptId, Tenant};

/// An application as the database has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApplicationRow {
    /// UUID v7, unique within the GPT.
    pub id: Uuid,
    /// The GPT for which it acts.
    pub gpt_id: GptId,
    /// The name by which it asks for tokens, unique everywhere.
    pub client_id: String,
    /// A name for people, who see it when they are asked for consent.
    pub name: String,
    /// Whether it can keep no secret.
    pub is_public: bool,
    /// SHA-256 of its secret; none for a public one.
    pub secret_hash: Option<[u8; 32]>,
    /// SHA-256 of the secret before, and until when that is good, too.
    pub previous_secret: Option<([u8; 32], Timestamp)>,
    /// The most that it may be granted, separated by blanks.
    pub scopes: String,
    /// The only collections that it may see; all when there is none of these lists.
    pub collections: Option<Vec<CollectionName>>,
    /// Where answers may be sent.
    pub redirect_uris: Vec<String>,
    /// Its own rate limits, in the words of the setting.
    pub rate_limits: Option<String>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
    /// When one of its tokens was used last, to within the interval of [`Store::touch_applications`].
    pub last_used: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

/// What is to be changed of an application; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct ApplicationChange {
    /// The name for people.
    pub name: Option<String>,
    /// The most that it may be granted, separated by blanks.
    pub scopes: Option<String>,
    /// The only collections that it may see; `Some(None)` for all.
    pub collections: Option<Option<Vec<CollectionName>>>,
    /// Where answers may be sent.
    pub redirect_uris: Option<Vec<String>>,
    /// Its own rate limits; `Some(None)` for the general ones.
    pub rate_limits: Option<Option<String>>,
}

impl Store {
    /// Stores an application.
    ///
    /// # Errors
    ///
    /// [`super::StoreErrorKind::ForeignKeyViolation`] when there is no such GPT, and
    /// [`super::StoreErrorKind::UniqueViolation`] when the client id is taken.
    pub async fn insert_application(&self, new: &ApplicationRow) -> Result<(), StoreError> {
        let (previous_secret_hash, previous_secret_expires_at) = new.previous_secret.unzip();
        let row = applications::ActiveModel {
            gpt_id: Set(new.gpt_id.to_string()),
            id: Set(new.id),
            client_id: Set(new.client_id.clone()),
            name: Set(new.name.clone()),
            is_public: Set(new.is_public),
            secret_hash: Set(new.secret_hash.map(Vec::from)),
            previous_secret_hash: Set(previous_secret_hash.map(Vec::from)),
            previous_secret_expires_at: Set(previous_secret_expires_at),
            scopes: Set(new.scopes.clone()),
            collections: Set(new.collections.as_deref().map(names_to_json)),
            redirect_uris: Set(uris_to_json(&new.redirect_uris)),
            rate_limits: Set(new.rate_limits.clone()),
            created_at: Set(new.created_at),
            updated_at: Set(new.updated_at),
            last_used: Set(new.last_used),
            revoked_at: Set(new.revoked_at),
        };
        applications::Entity::insert(row)
            .exec_without_returning(self.database().writes())
            .await?;
        Ok(())
    }

    /// A page of the applications of one GPT, or of all, and whether there are more.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn list_applications(
        &self,
        gpt_id: Option<&GptId>,
        page: &Keyset,
    ) -> Result<(Vec<ApplicationRow>, bool), StoreError> {
        let limit = page.limit as usize;
        let mut found = applications::Entity::find()
            .apply_if(gpt_id, |found, gpt_id| {
                found.filter(Column::GptId.eq(gpt_id.as_str()))
            })
            .limit(u64::from(page.limit) + 1);
        let columns = (Column::CreatedAt, Column::Id);
        seek(
            QueryTrait::query(&mut found),
            columns,
            page.after,
            page.ascending,
        );
        let mut rows = found.all(self.database().reads()).await?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let rows = rows.into_iter().map(ApplicationRow::try_from);
        Ok((rows.collect::<Result<_, _>>()?, more))
    }

    /// The tenant's application with this id.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn get_application(
        &self,
        tenant: &Tenant,
        id: Uuid,
    ) -> Result<Option<ApplicationRow>, StoreError> {
        find_application(self.database().reads(), tenant, id).await
    }

    /// The application with this client id, of any GPT: a client says who it is before its tenant is
    /// known.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn find_client(&self, client_id: &str) -> Result<Option<ApplicationRow>, StoreError> {
        let found = applications::Entity::find().filter(Column::ClientId.eq(client_id));
        let row = found.one(self.database().reads()).await?;
        row.map(ApplicationRow::try_from).transpose()
    }

    /// Changes an application and returns it as it is then. One that is revoked stays as it is.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn update_application(
        &self,
        tenant: &Tenant,
        id: Uuid,
        change: ApplicationChange,
        at: Timestamp,
    ) -> Result<Option<ApplicationRow>, StoreError> {
        let collections = change
            .collections
            .map(|names| names.as_deref().map(names_to_json));
        let redirect_uris = change.redirect_uris.as_deref().map(uris_to_json);
        let changed = applications::ActiveModel {
            name: change.name.map(Set).unwrap_or_default(),
            scopes: change.scopes.map(Set).unwrap_or_default(),
            collections: collections.map(Set).unwrap_or_default(),
            redirect_uris: redirect_uris.map(Set).unwrap_or_default(),
            rate_limits: change.rate_limits.map(Set).unwrap_or_default(),
            updated_at: Set(at),
            ..Default::default()
        };
        applications::Entity::update_many()
            .set(changed)
            .filter(Column::GptId.eq(tenant.gpt_id().as_str()))
            .filter(Column::Id.eq(id))
            .filter(Column::RevokedAt.is_null())
            .exec(self.database().writes())
            .await?;
        self.get_application(tenant, id).await
    }

    /// Gives a confidential application another secret and returns it. The one that it had is good
    /// until `keep_until`. An application that is public or revoked stays as it is.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn rotate_application_secret(
        &self,
        tenant: &Tenant,
        id: Uuid,
        secret_hash: [u8; 32],
        keep_until: Timestamp,
        at: Timestamp,
    ) -> Result<Option<ApplicationRow>, StoreError> {
        let rotate = self.statement(
            "UPDATE applications SET previous_secret_hash = secret_hash, \
             previous_secret_expires_at = $3, secret_hash = $4, updated_at = $5 \
             WHERE gpt_id = $1 AND id = $2 AND secret_hash IS NOT NULL AND revoked_at IS NULL",
            [
                tenant.gpt_id().into(),
                id.into(),
                keep_until.into(),
                secret_hash.to_vec().into(),
                at.into(),
            ],
        );
        self.database().writes().execute_raw(rotate).await?;
        self.get_application(tenant, id).await
    }

    /// Revokes an application with all of its sessions and returns it; one revoked before keeps its
    /// time.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn revoke_application(
        &self,
        tenant: &Tenant,
        id: Uuid,
        at: Timestamp,
    ) -> Result<Option<ApplicationRow>, StoreError> {
        let mut retry = Retry::default();
        loop {
            let result = self.try_revoke_application(tenant, id, at).await;
            if !retry.again(&result).await {
                return result;
            }
        }
    }

    async fn try_revoke_application(
        &self,
        tenant: &Tenant,
        id: Uuid,
        at: Timestamp,
    ) -> Result<Option<ApplicationRow>, StoreError> {
        let transaction = self.begin().await?;
        let revoke = self.statement(
            "UPDATE applications SET revoked_at = $3, updated_at = $3 \
             WHERE gpt_id = $1 AND id = $2 AND revoked_at IS NULL",
            [tenant.gpt_id().into(), id.into(), at.into()],
        );
        let end_sessions = self.statement(
            "UPDATE sessions SET ended_at = $3, end_reason = $4 \
             WHERE gpt_id = $1 AND application_id = $2 AND ended_at IS NULL",
            [
                tenant.gpt_id().into(),
                id.into(),
                at.into(),
                EndReason::ApplicationRevoked.as_str().into(),
            ],
        );
        let result = async {
            transaction.execute_raw(revoke).await?;
            transaction.execute_raw(end_sessions).await?;
            find_application(&transaction, tenant, id).await
        };
        let result = result.await;
        end(transaction, result).await
    }

    /// Notes when applications were used, in one statement; a later time that is there already
    /// stays, and what is unknown does no harm.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn touch_applications(&self, uses: &Uses) -> Result<(), StoreError> {
        self.touch(Touched::Applications, uses).await
    }
}

async fn find_application(
    connection: &impl ConnectionTrait,
    tenant: &Tenant,
    id: Uuid,
) -> Result<Option<ApplicationRow>, StoreError> {
    let found = applications::Entity::find_by_id((tenant.gpt_id().to_string(), id));
    let row = found.one(connection).await?;
    row.map(ApplicationRow::try_from).transpose()
}

fn names_to_json(names: &[CollectionName]) -> String {
    let names: Vec<_> = names.iter().map(CollectionName::as_str).collect();
    serde_json::json!(names).to_string()
}

/// The collections that a column names.
pub(super) fn names_from_json(text: &str) -> Result<Vec<CollectionName>, StoreError> {
    let names: Vec<String> = serde_json::from_str(text).map_err(StoreError::bug)?;
    let names = names.into_iter().map(|name| name.parse());
    names.collect::<Result<_, _>>().map_err(StoreError::bug)
}

fn uris_to_json(uris: &[String]) -> String {
    serde_json::json!(uris).to_string()
}

fn digest(bytes: Vec<u8>) -> Result<[u8; 32], StoreError> {
    bytes
        .try_into()
        .map_err(|_| StoreError::bug("a hash of another length"))
}

impl TryFrom<applications::Model> for ApplicationRow {
    type Error = StoreError;

    fn try_from(row: applications::Model) -> Result<Self, StoreError> {
        let previous = row.previous_secret_hash.map(digest).transpose()?;
        let collections = row.collections.as_deref().map(names_from_json);
        Ok(Self {
            id: row.id,
            gpt_id: row.gpt_id.parse().map_err(StoreError::bug)?,
            client_id: row.client_id,
            name: row.name,
            is_public: row.is_public,
            secret_hash: row.secret_hash.map(digest).transpose()?,
            previous_secret: previous.zip(row.previous_secret_expires_at),
            scopes: row.scopes,
            collections: collections.transpose()?,
            redirect_uris: serde_json::from_str(&row.redirect_uris).map_err(StoreError::bug)?,
            rate_limits: row.rate_limits,
            created_at: row.created_at,
            updated_at: row.updated_at,
            last_used: row.last_used,
            revoked_at: row.revoked_at,
        })
    }
}
