//! `webhooks`: where the changes of a GPT's objects are forwarded to, and who forwards them now.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let text = |column: Webhooks| ColumnDef::new(column).text().take();
        let time = |column: Webhooks| ColumnDef::new(column).timestamp_with_time_zone().take();
        let mut gpt = ForeignKey::create();
        gpt.name("webhooks_gpt_id_fkey")
            .from(Webhooks::Table, Webhooks::GptId)
            .to(Gpts::Table, Gpts::Id)
            .on_delete(ForeignKeyAction::Cascade);
        let mut webhooks = Table::create();
        webhooks
            .table(Webhooks::Table)
            .col(text(Webhooks::GptId).not_null())
            .col(text(Webhooks::Url).not_null())
            .col(ColumnDef::new(Webhooks::IsEnabled).boolean().not_null())
            .col(text(Webhooks::DisabledReason))
            .col(ColumnDef::new(Webhooks::Secret).blob().not_null())
            .col(ColumnDef::new(Webhooks::OldSecret).blob())
            .col(time(Webhooks::OldSecretUntil))
            .col(ColumnDef::new(Webhooks::Failures).integer().not_null())
            .col(time(Webhooks::RunAt).not_null())
            .col(text(Webhooks::LockedBy))
            .col(time(Webhooks::LeaseUntil))
            .col(time(Webhooks::CreatedAt).not_null())
            .col(time(Webhooks::UpdatedAt).not_null())
            .primary_key(Index::create().col(Webhooks::GptId))
            .foreign_key(&mut gpt);
        manager.create_table(webhooks).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table(Webhooks::Table).take())
            .await
    }
}

#[derive(DeriveIden)]
enum Webhooks {
    Table,
    GptId,
    Url,
    IsEnabled,
    DisabledReason,
    Secret,
    OldSecret,
    OldSecretUntil,
    Failures,
    RunAt,
    LockedBy,
    LeaseUntil,
    CreatedAt,
    UpdatedAt,
}

#[derive(DeriveIden)]
enum Gpts {
    Table,
    Id,
}
