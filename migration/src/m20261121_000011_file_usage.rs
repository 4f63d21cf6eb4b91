//! `file_usage`: how many files a GPT has, and how many bytes they and its unfinished uploads take.
//!
//! Its row is also the lock that every change of the GPT's files holds.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut gpt = ForeignKey::create();
        gpt.name("file_usage_gpt_id_fkey")
            .from(FileUsage::Table, FileUsage::GptId)
            .to(Gpts::Table, Gpts::Id)
            .on_delete(ForeignKeyAction::Cascade);
        let mut file_usage = Table::create();
        file_usage
            .table(FileUsage::Table)
            .col(ColumnDef::new(FileUsage::GptId).text().not_null())
            .col(ColumnDef::new(FileUsage::Files).big_integer().not_null())
            .col(ColumnDef::new(FileUsage::Bytes).big_integer().not_null())
            .primary_key(Index::create().col(FileUsage::GptId))
            .foreign_key(&mut gpt);
        manager.create_table(file_usage).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table(FileUsage::Table).take())
            .await
    }
}

#[derive(DeriveIden)]
enum FileUsage {
    Table,
    GptId,
    Files,
    Bytes,
}

#[derive(DeriveIden)]
enum Gpts {
    Table,
    Id,
}
