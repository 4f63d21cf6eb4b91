//! `files.collections`: the names of the collections whose content a file has, as a JSON array, `*` for
//! all of them; null for a file that came from outside.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut files = Table::alter();
        files
            .table(Files::Table)
            .add_column(ColumnDef::new(Files::Collections).text());
        manager.alter_table(files).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut files = Table::alter();
        files.table(Files::Table).drop_column(Files::Collections);
        manager.alter_table(files).await
    }
}

#[derive(DeriveIden)]
enum Files {
    Table,
    Collections,
}
