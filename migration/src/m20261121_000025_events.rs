//! `events`: changes of objects that are to be forwarded, written in the transaction of the change.
//!
//! `seq` counts the events of one object, so that the order of its changes is known however far the
//! clocks of replicas are apart.

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
            .drop_table(Table::drop().table(Events::Table).take())
            .await
    }
}

fn table() -> TableCreateStatement {
    let text = |column: Events| ColumnDef::new(column).text().not_null().take();
    let time = |column: Events| ColumnDef::new(column).timestamp_with_time_zone().take();
    let number = |column: Events| ColumnDef::new(column).big_integer().not_null().take();
    let mut webhook = ForeignKey::create();
    webhook
        .name("events_gpt_id_fkey")
        .from(Events::Table, Events::GptId)
        .to(Webhooks::Table, Webhooks::GptId)
        .on_delete(ForeignKeyAction::Cascade);
    Table::create()
        .table(Events::Table)
        .col(text(Events::GptId))
        .col(ColumnDef::new(Events::ObjectId).uuid().not_null())
        .col(number(Events::Seq))
        .col(ColumnDef::new(Events::ChangeId).uuid().not_null())
        .col(text(Events::Kind))
        .col(text(Events::Collection))
        .col(number(Events::Version))
        .col(ColumnDef::new(Events::Body).json_binary())
        .col(time(Events::CreatedAt).not_null())
        .col(time(Events::UpdatedAt).not_null())
        .col(time(Events::ChangedAt).not_null())
        .col(text(Events::State))
        .col(ColumnDef::new(Events::Attempts).integer().not_null())
        .col(time(Events::RunAt).not_null())
        .col(ColumnDef::new(Events::Status).integer())
        .col(ColumnDef::new(Events::Error).text())
        .col(time(Events::FinishedAt))
        .primary_key(
            Index::create()
                .col(Events::GptId)
                .col(Events::ObjectId)
                .col(Events::Seq),
        )
        .foreign_key(&mut webhook)
        .take()
}

fn indexes() -> [IndexCreateStatement; 4] {
    let index = |name: &str| Index::create().name(name).table(Events::Table).take();
    [
        // What is due.
        index("events_gpt_id_run_at_seq_idx")
            .col(Events::GptId)
            .col(Events::RunAt)
            .col(Events::Seq)
            .and_where(Expr::col(Events::State).eq("pending"))
            .take(),
        // What the operator looks at.
        index("events_gpt_id_changed_at_object_id_idx")
            .col(Events::GptId)
            .col(Events::ChangedAt)
            .col(Events::ObjectId)
            .take(),
        // What was not delivered, of all GPTs.
        index("events_state_changed_at_idx")
            .col(Events::State)
            .col(Events::ChangedAt)
            .and_where(Expr::col(Events::State).ne("delivered"))
            .take(),
        // What is to be forgotten.
        index("events_changed_at_idx").col(Events::ChangedAt).take(),
    ]
}

#[derive(DeriveIden)]
enum Events {
    Table,
    GptId,
    ObjectId,
    Seq,
    ChangeId,
    Kind,
    Collection,
    Version,
    Body,
    CreatedAt,
    UpdatedAt,
    ChangedAt,
    State,
    Attempts,
    RunAt,
    Status,
    Error,
    FinishedAt,
}

#[derive(DeriveIden)]
enum Webhooks {
    Table,
    GptId,
}
