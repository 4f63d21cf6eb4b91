//! Scopes: what a key may do.

use std::fmt;
use std::str::FromStr;

/// A right that an operation asks for (`x-required-scope` in the contract).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// No right beyond a valid key.
    Any,
    /// Read collections and objects.
    ObjectsRead,
    /// Change collections and objects.
    ObjectsWrite,
    /// Read snapshots.
    StorageRead,
    /// Change snapshots.
    StorageWrite,
    /// Read files.
    FilesRead,
    /// Change files.
    FilesWrite,
    /// Operate the service.
    Admin,
}

impl Scope {
    /// Every scope that a key can hold.
    pub const GRANTABLE: [Self; 7] = [
        Self::ObjectsRead,
        Self::ObjectsWrite,
        Self::StorageRead,
        Self::StorageWrite,
        Self::FilesRead,
        Self::FilesWrite,
        Self::Admin,
    ];

    /// The scope as keys, tokens and the contract spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::ObjectsRead => "objects:read",
            Self::ObjectsWrite => "objects:write",
            Self::StorageRead => "storage:read",
            Self::StorageWrite => "storage:write",
            Self::FilesRead => "files:read",
            Self::FilesWrite => "files:write",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The scopes of one key, without repetition, in a fixed order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scopes(Vec<Scope>);

impl Scopes {
    /// Everything a GPT's own key may do.
    #[must_use]
    pub fn of_a_gpt() -> Self {
        let all = Scope::GRANTABLE.into_iter();
        Self(all.filter(|scope| *scope != Scope::Admin).collect())
    }

    /// What an operator's key may do.
    #[must_use]
    pub fn of_an_operator() -> Self {
        Scope::Admin.into()
    }

    /// Whether `scope` is among them. [`Scope::Any`] always is.
    #[must_use]
    pub fn contains(&self, scope: Scope) -> bool {
        scope == Scope::Any || self.0.contains(&scope)
    }

    /// Those that `limit` has, too.
    #[must_use]
    pub fn within(&self, limit: &Self) -> Self {
        self.iter()
            .filter(|scope| limit.0.contains(scope))
            .collect()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each scope as text.
    pub fn iter(&self) -> impl Iterator<Item = Scope> {
        self.0.iter().copied()
    }
}

impl From<Scope> for Scopes {
    fn from(scope: Scope) -> Self {
        Self(vec![scope])
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        let mut scopes: Vec<_> = scopes.into_iter().collect();
        scopes.sort_unstable();
        scopes.dedup();
        Self(scopes)
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, scope) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { " " };
            write!(f, "{separator}{scope}")?;
        }
        Ok(())
    }
}

/// Why a text is not a list of scopes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a scope; there are objects:read, objects:write, storage:read, storage:write, files:read, files:write and admin"
)]
pub struct UnknownScope(String);

impl FromStr for Scopes {
    type Err = UnknownScope;

    /// Reads scopes separated by blanks or commas.
    fn from_str(text: &str) -> Result<Self, UnknownScope> {
        let words = text.split([' ', ',']).filter(|word| !word.is_empty());
        words
            .map(|word| {
                let known = Scope::GRANTABLE
                    .into_iter()
                    .find(|scope| scope.as_str() == word);
                known.ok_or_else(|| UnknownScope(word.to_owned()))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_granted_is_within_both() {
        let scopes = |text: &str| text.parse::<Scopes>().unwrap();
        let both = scopes("objects:read,admin").within(&scopes("objects:write,objects:read"));
        assert_eq!(both, Scope::ObjectsRead.into());
        assert!(both.within(&Scopes::of_an_operator()).is_empty());
    }

    #[test]
    fn reads_what_it_writes() {
        let scopes: Scopes = "objects:write,objects:read objects:read".parse().unwrap();
        assert_eq!(scopes.to_string(), "objects:read objects:write");
        assert_eq!(scopes.to_string().parse(), Ok(scopes));
        assert!("objects".parse::<Scopes>().is_err());
        assert!(
            "any".parse::<Scopes>().is_err(),
            "nobody can be granted `any`"
        );
    }
}
