//! `jobs`: what is to be done outside of requests, and what became of it.
//!
//! Without a foreign key, because jobs of the house have no GPT: their `gpt_id` is empty. The jobs
//! of a GPT are deleted with it all the same.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(table()).await?;
        for index in indexes() {
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table(Jobs::Table).take())
            .await
    }
}

fn table() -> TableCreateStatement {
    let text = |column: Jobs| ColumnDef::new(column).text().not_null().take();
    let time = |column: Jobs| ColumnDef::new(column).timestamp_with_time_zone().take();
    let number = |column: Jobs| ColumnDef::new(column).integer().not_null().take();
    Table::create()
        .table(Jobs::Table)
        .col(text(Jobs::GptId))
        .col(ColumnDef::new(Jobs::Id).uuid().not_null())
        .col(text(Jobs::Kind))
        .col(text(Jobs::State))
        .col(time(Jobs::RunAt).not_null())
        .col(number(Jobs::Attempts))
        .col(number(Jobs::MaxAttempts))
        .col(ColumnDef::new(Jobs::LockedBy).text())
        .col(time(Jobs::LeaseUntil))
        .col(ColumnDef::new(Jobs::Payload).json_binary().not_null())
        .col(ColumnDef::new(Jobs::Progress).json_binary().not_null())
        .col(ColumnDef::new(Jobs::Result).json_binary())
        .col(ColumnDef::new(Jobs::Error).text())
        .col(ColumnDef::new(Jobs::UniqueKey).text())
        .col(time(Jobs::CreatedAt).not_null())
        .col(time(Jobs::UpdatedAt).not_null())
        .col(time(Jobs::FinishedAt))
        .primary_key(Index::create().col(Jobs::GptId).col(Jobs::Id))
        .take()
}

fn indexes() -> [IndexCreateStatement; 5] {
    let index = |name: &str| Index::create().name(name).table(Jobs::Table).take();
    let is = |state: &str| Expr::col(Jobs::State).eq(state);
    [
        // A scheduled job of a period is there once.
        index("jobs_gpt_id_unique_key_key")
            .col(Jobs::GptId)
            .col(Jobs::UniqueKey)
            .unique()
            .take(),
        // What is due.
        index("jobs_run_at_idx")
            .col(Jobs::RunAt)
            .and_where(is("queued"))
            .take(),
        // What a worker left behind.
        index("jobs_lease_until_idx")
            .col(Jobs::LeaseUntil)
            .and_where(is("running"))
            .take(),
        index("jobs_created_at_id_idx")
            .col(Jobs::CreatedAt)
            .col(Jobs::Id)
            .take(),
        // What is to be forgotten.
        index("jobs_finished_at_idx")
            .col(Jobs::FinishedAt)
            .and_where(Expr::col(Jobs::FinishedAt).is_not_null())
            .take(),
    ]
}

#[derive(DeriveIden)]
enum Jobs {
    Table,
    GptId,
    Id,
    Kind,
    State,
    RunAt,
    Attempts,
    MaxAttempts,
    LockedBy,
    LeaseUntil,
    Payload,
    Progress,
    Result,
    Error,
    UniqueKey,
    CreatedAt,
    UpdatedAt,
    FinishedAt,
}
