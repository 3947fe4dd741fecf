//! Management commands, and what they answer.

use serde_json::{Value as Json, json};

use super::command::Command;
use super::frame::Listing;
use super::mapping::Mapping;
use super::refusal::Refusal;
use super::shared::{Shared, lock};
use super::store::Extra;
use crate::kql::{Kind, Table, ticks};

/// Runs a command in a database; `is_ingest` says that it came to the address for ingestion.
pub(crate) fn run(shared: &Shared, database: &str, command: Command, is_ingest: bool) -> Result<Listing, Refusal> {
    match command {
        Command::IngestionResources => Ok(resources(shared)),
        Command::IdentityToken => Ok(token(shared)),
        Command::Version => Ok(version(is_ingest)),
        Command::Tables => {
            let store = shared.store();
            let rows = store.database(database)?.tables.keys().map(|table| about(table, database));
            Ok(Listing::texts(&["TableName", "DatabaseName", "Folder", "DocString"], rows.collect()))
        }
        Command::Schema(name) => {
            let store = shared.store();
            let (table, _) = store.database(database)?.table(&name)?;
            Ok(schema(database, table, &csl(table)))
        }
        Command::Mappings { table, name } => {
            let store = shared.store();
            let (_, extra) = store.database(database)?.table(&table)?;
            mappings(database, &table, extra, name.as_deref())
        }
        Command::Create { table: name, columns, merge } => {
            let mut store = shared.store_mut();
            let inside = store.database_mut(database)?;
            let columns: Vec<_> = columns.iter().map(|(name, kind)| (name.as_str(), *kind)).collect();
            if merge {
                inside.merge(&name, &columns)?
            } else {
                inside.create(&name, &columns)?
            }
            let (table, _) = inside.table(&name)?;
            Ok(schema(database, table, &ordered(table)))
        }
        Command::CreateMapping { table, name, mapping, alter } => {
            let mapping = Mapping::parse(&mapping).map_err(|wrong| {
                Refusal::new(400, "BadRequest_InvalidMapping", &format!("The mapping '{name}' is wrong: {wrong}."))
            })?;
            let mut store = shared.store_mut();
            let (_, extra) = store.database_mut(database)?.table_mut(&table)?;
            if !alter && extra.mappings.contains_key(&name) {
                let message = format!("The mapping '{name}' of table '{table}' exists already.");
                return Err(Refusal::new(400, "BadRequest_EntityAlreadyExists", &message));
            }
            extra.mappings.insert(name.clone(), mapping);
            mappings(database, &table, extra, Some(&name))
        }
        Command::Streaming { table, enabled } => {
            let mut store = shared.store_mut();
            let (_, extra) = store.database_mut(database)?.table_mut(&table)?;
            extra.streaming = Some(enabled);
            Ok(policy(database, &table, extra))
        }
        Command::ShowStreaming(table) => {
            let store = shared.store();
            let (_, extra) = store.database(database)?.table(&table)?;
            Ok(policy(database, &table, extra))
        }
    }
}

fn resources(shared: &Shared) -> Listing {
    let rows = shared.resources().into_iter().map(|(kind, address)| vec![kind.into(), address.into()]);
    Listing::texts(&["ResourceTypeName", "StorageRoot"], rows.collect())
}

fn token(shared: &Shared) -> Listing {
    let token = format!("rig:{:032x}{:032x}", fastrand::u128(..), fastrand::u128(..));
    lock(&shared.tokens).insert(token.clone());
    Listing::texts(&["AuthorizationContext"], vec![vec![token.into()]])
}

fn version(is_ingest: bool) -> Listing {
    let columns = [
        ("BuildVersion", Kind::String),
        ("BuildTime", Kind::DateTime),
        ("ServiceType", Kind::String),
        ("ProductVersion", Kind::String),
        ("ServiceOffering", Kind::String),
    ];
    let service = if is_ingest { "DataManagement" } else { "Engine" };
    let offering = json!({"Type": "Azure Data Explorer"}).to_string();
    let row = ["1.0.0.0", "2026-01-01T00:00:00Z", service, "rig", &offering].map(Json::from);
    Listing::new(&columns, vec![row.into()])
}

/// A table's name and the little else that there is about it.
fn about(table: &str, database: &str) -> Vec<Json> {
    [table, database, "", ""].map(Json::from).into()
}

fn schema(database: &str, table: &Table, schema: &str) -> Listing {
    let row = [table.name.as_str(), schema, database, "", ""].map(Json::from);
    Listing::texts(&["TableName", "Schema", "DatabaseName", "Folder", "DocString"], vec![row.into()])
}

/// `a:string,b:dynamic`
fn csl(table: &Table) -> String {
    let column = |column: &crate::kql::Column| {
        let plain = column.name.chars().all(|c| c.is_alphanumeric() || c == '_');
        let name = if plain { column.name.clone() } else { format!("['{}']", column.name) };
        format!("{name}:{}", column.kind.names().0)
    };
    table.columns.iter().map(column).collect::<Vec<_>>().join(",")
}

/// The schema in JSON.
fn ordered(table: &Table) -> String {
    let column = |column: &crate::kql::Column| {
        let (csl, dotnet) = column.kind.names();
        json!({"Name": column.name, "Type": dotnet, "CslType": csl})
    };
    let columns: Vec<_> = table.columns.iter().map(column).collect();
    json!({"Name": table.name, "OrderedColumns": columns}).to_string()
}

fn mappings(database: &str, table: &str, extra: &Extra, only: Option<&str>) -> Result<Listing, Refusal> {
    if let Some(name) = only.filter(|name| !extra.mappings.contains_key(*name)) {
        return Err(Refusal::missing("MappingPersistent", name));
    }
    let wanted = extra.mappings.iter().filter(|(name, _)| only.is_none_or(|only| only == *name));
    let updated = ticks::format(ticks::now());
    let row = |(name, mapping): (&String, &Mapping)| {
        Vec::from([name.as_str(), "Json", &mapping.text, &updated, database, table].map(Json::from))
    };
    let columns = [
        ("Name", Kind::String),
        ("Kind", Kind::String),
        ("Mapping", Kind::String),
        ("LastUpdatedOn", Kind::DateTime),
        ("Database", Kind::String),
        ("Table", Kind::String),
    ];
    Ok(Listing::new(&columns, wanted.map(row).collect()))
}

fn policy(database: &str, table: &str, extra: &Extra) -> Listing {
    let policy = extra
        .streaming
        .map_or("null".to_owned(), |enabled| json!({"IsEnabled": enabled, "HintAllocatedRate": null}).to_string());
    let entity = format!("[{database}].[{table}]");
    let row = ["StreamingIngestionPolicy", &entity, &policy, "", "Table"].map(Json::from);
    Listing::texts(&["PolicyName", "EntityName", "Policy", "ChildEntities", "EntityType"], vec![row.into()])
}
