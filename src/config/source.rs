//! Where settings come from: the environment, then a YAML file. Any of them, as a secret, can lie in a
//! file of its own, which `…_FILE` names.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::str::FromStr;

/// Every setting by its environment name, and the faults found while reading them.
pub struct Source {
    environment: BTreeMap<String, String>,
    file: BTreeMap<String, String>,
    names: BTreeSet<String>,
    faults: Vec<String>,
}

impl Source {
    /// The process's environment over the file that `CONFIG` names, if it names one.
    #[must_use]
    pub fn from_process() -> Self {
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Self::new(environment)
    }

    /// `environment` over the file that its `CONFIG` names.
    #[must_use]
    pub fn new(environment: BTreeMap<String, String>) -> Self {
        let mut source = Self {
            environment,
            file: BTreeMap::new(),
            names: BTreeSet::from(["CONFIG".to_owned()]),
            faults: Vec::new(),
        };
        if let Some(path) = source
            .environment
            .get("CONFIG")
            .filter(|path| !path.is_empty())
            .cloned()
        {
            source.file = read_file(&path).unwrap_or_else(|fault| {
                source.faults.push(fault);
                BTreeMap::new()
            });
        }
        source
    }

    /// The value of `name`, or `default` when it is not set or cannot be read (which is a fault).
    pub fn get<T: FromStr<Err: Display>>(&mut self, name: &str, default: T) -> T {
        self.find(name).unwrap_or(default)
    }

    /// The value of `name`; `None` when it is not set or cannot be read (which is a fault).
    pub fn find<T: FromStr<Err: Display>>(&mut self, name: &str) -> Option<T> {
        self.names.insert(name.to_owned());
        let text = self.text(name)?;
        if text.is_empty() {
            return None;
        }
        match text.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                self.faults.push(format!("{name}: {error}"));
                None
            }
        }
    }

    /// The text of `name`, or of the file that `<name>_FILE` names. What the environment says of
    /// either hides what the file of settings says.
    fn text(&mut self, name: &str) -> Option<String> {
        let by_file = format!("{name}_FILE");
        for settings in [&self.environment, &self.file] {
            let path = settings.get(&by_file).filter(|path| !path.is_empty());
            match (settings.get(name), path) {
                (Some(text), Some(_)) if !text.is_empty() => {
                    let fault = format!("{name}: is set, and {by_file} too: take one away");
                    self.faults.push(fault);
                    return None;
                }
                (_, Some(path)) => {
                    let read = std::fs::read_to_string(path);
                    let read = read.map_err(|error| format!("{by_file}: {path}: {error}"));
                    // Editors and `echo` end a file with a line feed, which is no part of a secret.
                    return read
                        .map(|text| text.trim_end_matches(['\n', '\r']).to_owned())
                        .map_err(|fault| self.faults.push(fault))
                        .ok();
                }
                (Some(text), None) => return Some(text.clone()),
                (None, None) => {}
            }
        }
        None
    }

    /// Every setting whose name begins with one of `prefixes`, by its name.
    #[must_use]
    pub fn with_prefix(&self, prefixes: &[&str]) -> BTreeMap<String, String> {
        let all = self.file.iter().chain(&self.environment);
        let wanted = all.filter(|(name, value)| {
            !value.is_empty() && prefixes.iter().any(|prefix| name.starts_with(prefix))
        });
        wanted
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }

    /// Notes that `name` is wrong in a way that only a look at several settings tells.
    pub fn fault(&mut self, name: &str, what: impl Display) {
        self.faults.push(format!("{name}: {what}"));
    }

    /// The names of all settings that were asked for.
    #[must_use]
    pub fn into_names(self) -> BTreeSet<String> {
        self.names
    }

    /// Every fault, in the order found.
    #[must_use]
    pub fn into_faults(self) -> Vec<String> {
        self.faults
    }
}

/// Reads a YAML file whose blocks spell the environment's names: `database: {url: …}` and
/// `database_url: …` both set `DATABASE_URL`.
fn read_file(path: &str) -> Result<BTreeMap<String, String>, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("CONFIG: {path}: {error}"))?;
    let document: yaml_serde::Value =
        yaml_serde::from_str(&text).map_err(|error| format!("CONFIG: {path}: {error}"))?;
    let mut settings = BTreeMap::new();
    flatten("", &document, &mut settings).map_err(|fault| format!("CONFIG: {path}: {fault}"))?;
    Ok(settings)
}

fn flatten(
    name: &str,
    value: &yaml_serde::Value,
    settings: &mut BTreeMap<String, String>,
) -> Result<(), String> {
    use yaml_serde::Value;
    let text = match value {
        Value::Null => return Ok(()),
        Value::Mapping(block) => {
            for (key, value) in block {
                let key = key.as_str().ok_or("a name of a setting is not a text")?;
                let separator = if name.is_empty() { "" } else { "_" };
                let inner = format!("{name}{separator}{}", key.to_uppercase().replace('-', "_"));
                flatten(&inner, value, settings)?;
            }
            return Ok(());
        }
        // A list of blocks: `issuers: [{issuer: …}]` sets `ISSUERS_0_ISSUER`.
        Value::Sequence(items) if items.iter().all(Value::is_mapping) => {
            for (place, block) in items.iter().enumerate() {
                flatten(&format!("{name}_{place}"), block, settings)?;
            }
            return Ok(());
        }
        Value::Bool(value) => value.to_string(),
        Value::Number(value) => value.to_string(),
        Value::String(value) => value.clone(),
        _ => {
            return Err(format!(
                "{name} must be a text, a number, true, false or a block"
            ));
        }
    };
    settings.insert(name.to_owned(), text);
    Ok(())
}
