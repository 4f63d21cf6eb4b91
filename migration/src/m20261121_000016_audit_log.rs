//! `audit_log`: one row for every call with a good key.
//!
//! Without a foreign key: what was done with a GPT's data is known also after the GPT was deleted.
//! The `gpt_id` of an operator's call is empty, since a primary key has no nulls.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let text = |column: AuditLog| ColumnDef::new(column).text().not_null().take();
        let mut log = Table::create();
        log.table(AuditLog::Table)
            .col(text(AuditLog::GptId))
            .col(ColumnDef::new(AuditLog::Id).uuid().not_null())
            .col(text(AuditLog::KeyId))
            .col(ColumnDef::new(AuditLog::AppId).text())
            .col(text(AuditLog::Operation))
            .col(text(AuditLog::Method))
            .col(text(AuditLog::Path))
            .col(ColumnDef::new(AuditLog::Request).json_binary().not_null())
            .col(ColumnDef::new(AuditLog::Status).integer().not_null())
            .col(ColumnDef::new(AuditLog::Milliseconds).double().not_null())
            .col(text(AuditLog::RequestId))
            .col(text(AuditLog::ClientAddress))
            .col(ColumnDef::new(AuditLog::MemoryServiceRequestId).text())
            .col(
                ColumnDef::new(AuditLog::CreatedAt)
                    .timestamp_with_time_zone()
                    .not_null(),
            )
            .primary_key(Index::create().col(AuditLog::GptId).col(AuditLog::Id));
        manager.create_table(log).await?;

        let mut of_a_gpt = Index::create();
        of_a_gpt
            .name("audit_log_gpt_id_created_at_id_idx")
            .table(AuditLog::Table)
            .col(AuditLog::GptId)
            .col(AuditLog::CreatedAt)
            .col(AuditLog::Id);
        manager.create_index(of_a_gpt).await?;

        let mut by_time = Index::create();
        by_time
            .name("audit_log_created_at_id_idx")
            .table(AuditLog::Table)
            .col(AuditLog::CreatedAt)
            .col(AuditLog::Id);
        manager.create_index(by_time).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table(AuditLog::Table).take())
            .await
    }
}

#[derive(DeriveIden)]
enum AuditLog {
    Table,
    GptId,
    Id,
    KeyId,
    AppId,
    Operation,
    Method,
    Path,
    Request,
    Status,
    Milliseconds,
    RequestId,
    ClientAddress,
    MemoryServiceRequestId,
    CreatedAt,
}
