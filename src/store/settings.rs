//! Values that are generated once and shared by all replicas.

use sea_orm::sea_query::OnConflict;
use sea_orm::{EntityTrait, Set};

use super::entity::settings;
use super::{Store, StoreError};

impl Store {
    /// The setting `name`; `value` becomes it when there is none.
    ///
    /// Replicas that ask at once all get the same value: the first insert wins, and the others
    /// read what it wrote.
    ///
    /// # Errors
    ///
    /// What the database reports.
    pub async fn get_or_insert_setting(
        &self,
        name: &str,
        value: Vec<u8>,
    ) -> Result<Vec<u8>, StoreError> {
        if let Some(known) = self.get_setting(name).await? {
            return Ok(known);
        }
        let row = settings::ActiveModel {
            name: Set(name.to_owned()),
            value: Set(value),
        };
        let first = OnConflict::column(settings::Column::Name)
            .do_nothing()
            .to_owned();
        settings::Entity::insert(row)
            .on_conflict(first)
            .exec_without_returning(self.database().writes())
            .await?;
        let written = self.get_setting(name).await?;
        written.ok_or_else(|| StoreError::bug("a setting vanished"))
    }

    async fn get_setting(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let found = settings::Entity::find_by_id(name);
        let row = found.one(self.database().reads()).await?;
        Ok(row.map(|row| row.value))
    }
}
