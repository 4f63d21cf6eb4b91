//! GPTs, the tenants: made and removed by the operator.

use super::Service;
use super::pages::Rows;
use crate::clock::Timestamp;
use crate::error::Error;
use crate::ids::GptId;
use crate::store::GptRow;

/// The longest name of a GPT or a key, in characters.
pub(super) const NAME_CHARACTERS: usize = 200;

impl Service {
    /// Makes a GPT; `None` when there is one with this id.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] for a name that is too long; the store's.
    pub async fn create_gpt(&self, id: &GptId, name: &str) -> Result<Option<GptRow>, Error> {
        check_name(name)?;
        let row = GptRow {
            id: id.clone(),
            name: name.to_owned(),
            created_at: Timestamp::now(),
        };
        Ok(self.store.create_gpt(&row).await?.then_some(row))
    }

    /// Up to `limit` GPTs by id, those behind `after`.
    ///
    /// # Errors
    /// The store's.
    pub async fn list_gpts(
        &self,
        after: Option<&GptId>,
        limit: u32,
    ) -> Result<Rows<GptRow>, Error> {
        let read = Rows::<GptRow>::to_read(limit);
        let rows = self.store.list_gpts(after, read).await?;
        Ok(Rows::cut(rows, limit))
    }

    /// The GPT with this id.
    ///
    /// # Errors
    /// [`Error::GptNotFound`]; the store's.
    pub async fn get_gpt(&self, id: &GptId) -> Result<GptRow, Error> {
        self.store.get_gpt(id).await?.ok_or(Error::GptNotFound)
    }

    /// Gives a GPT another name.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] for a name that is too long; [`Error::GptNotFound`]; the store's.
    pub async fn rename_gpt(&self, id: &GptId, name: &str) -> Result<GptRow, Error> {
        check_name(name)?;
        let renamed = self.store.rename_gpt(id, name).await?;
        renamed.ok_or(Error::GptNotFound)
    }

    /// Deletes a GPT with all that it has. Says whether there was one.
    ///
    /// What lies outside of the database goes last, also when the GPT went before, so that a
    /// deletion that failed half-way can be repeated. The bytes of files are left to a job.
    ///
    /// # Errors
    /// The store's, and the bucket's.
    pub async fn delete_gpt(&self, id: &GptId) -> Result<bool, Error> {
        let purge = self.purge_of(id)?;
        let was_there = self.store.delete_gpt(id, purge.as_ref()).await?;
        self.revocations.note();
        if was_there && purge.is_some() {
            self.queue.announce().await;
        }
        self.purge_storage(id).await?;
        Ok(was_there)
    }

    /// Whether the store has a GPT at all.
    ///
    /// # Errors
    /// The store's.
    pub async fn has_gpts(&self) -> Result<bool, Error> {
        Ok(self.store.any_gpt_exists().await?)
    }
}

pub(super) fn check_name(name: &str) -> Result<(), Error> {
    let fits = name.chars().count() <= NAME_CHARACTERS && !name.chars().any(char::is_control);
    if fits {
        Ok(())
    } else {
        let detail = format!(
            "must have at most {NAME_CHARACTERS} characters, none of them control characters"
        );
        Err(Error::invalid("name", detail))
    }
}
