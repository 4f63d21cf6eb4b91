//! `audit_log.application_id` and `.session_id`: which application called, and in which session; null
//! for a call with a key.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    /// SQLite adds one column a statement.
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut application = Table::alter();
        application
            .table(AuditLog::Table)
            .add_column(ColumnDef::new(AuditLog::ApplicationId).text());
        manager.alter_table(application).await?;
        let mut session = Table::alter();
        session
            .table(AuditLog::Table)
            .add_column(ColumnDef::new(AuditLog::SessionId).uuid());
        manager.alter_table(session).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in [AuditLog::ApplicationId, AuditLog::SessionId] {
            let mut log = Table::alter();
            log.table(AuditLog::Table).drop_column(column);
            manager.alter_table(log).await?;
        }
        Ok(())
    }
}

#[derive(DeriveIden)]
enum AuditLog {
    Table,
    ApplicationId,
    SessionId,
}
