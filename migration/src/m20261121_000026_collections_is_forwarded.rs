//! `collections.is_forwarded`: whether changes of its objects are. It stands where every write looks
//! anyway, so that a GPT without a webhook pays nothing for those that have one.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut collections = Table::alter();
        collections.table(Collections::Table).add_column(
            ColumnDef::new(Collections::IsForwarded)
                .boolean()
                .not_null()
                .default(false),
        );
        manager.alter_table(collections).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut collections = Table::alter();
        collections
            .table(Collections::Table)
            .drop_column(Collections::IsForwarded);
        manager.alter_table(collections).await
    }
}

#[derive(DeriveIden)]
enum Collections {
    Table,
    IsForwarded,
}
