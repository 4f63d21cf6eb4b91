//! What is stored: objects and unfinished uploads.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use chrono::{DateTime, Utc};

/// Why a request is not served.
#[derive(Debug, PartialEq, Eq)]
pub enum Refused {
    NotFound,
    Precondition,
    Range,
    Malformed,
}

/// An object as it was written; a later write makes another.
#[derive(Debug)]
pub struct Object {
    pieces: Vec<Bytes>,
    pub size: u64,
    /// With its quotation marks.
    pub tag: String,
    pub generation: u64,
    pub modified: DateTime<Utc>,
}

/// Objects and uploads by their paths, `bucket/key`.
#[derive(Debug, Default)]
pub struct Objects {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    objects: BTreeMap<String, Arc<Object>>,
    uploads: BTreeMap<String, Upload>,
    generation: u64,
}

#[derive(Debug)]
struct Upload {
    path: String,
    parts: BTreeMap<usize, (String, Vec<Bytes>)>,
}

/// A part of a list of objects.
pub struct Page {
    /// Keys without their bucket.
    pub objects: Vec<(String, Arc<Object>)>,
    /// Where the next page begins.
    pub next: Option<String>,
}

impl Object {
    /// The pieces that `range` covers, none of them copied.
    pub fn slice(&self, range: Range<u64>) -> Vec<Bytes> {
        let mut start = 0_u64;
        let mut found = Vec::new();
        for piece in &self.pieces {
            let end = start + piece.len() as u64;
            let (from, to) = (range.start.max(start), range.end.min(end));
            if from < to {
                found.push(piece.slice((from - start) as usize..(to - start) as usize));
            }
            start = end;
        }
        found
    }
}

impl Objects {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn get(&self, path: &str) -> Result<Arc<Object>, Refused> {
        let state = self.state();
        state.objects.get(path).cloned().ok_or(Refused::NotFound)
    }

    /// Stores an object if what is there has the generation `condition` (0: if nothing is there).
    pub fn put(
        &self,
        path: &str,
        pieces: Vec<Bytes>,
        condition: Option<u64>,
    ) -> Result<Arc<Object>, Refused> {
        let mut state = self.state();
        let current = state
            .objects
            .get(path)
            .map_or(0, |object| object.generation);
        if condition.is_some_and(|expected| expected != current) {
            return Err(Refused::Precondition);
        }
        Ok(state.store(path.to_owned(), pieces))
    }

    pub fn delete(&self, path: &str) -> Result<(), Refused> {
        let mut state = self.state();
        let removed = state.objects.remove(path);
        removed.map(|_| ()).ok_or(Refused::NotFound)
    }

    /// At most `limit` objects of `bucket` whose keys begin with `prefix` and come after `after`.
    pub fn list(&self, bucket: &str, prefix: &str, after: &str, limit: usize) -> Page {
        let state = self.state();
        let keys = state.objects.iter().filter_map(|(path, object)| {
            let key = path.strip_prefix(bucket)?.strip_prefix('/')?;
            let is_asked = key.starts_with(prefix) && (after.is_empty() || key > after);
            is_asked.then(|| (key.to_owned(), Arc::clone(object)))
        });
        let mut objects: Vec<_> = keys.take(limit + 1).collect();
        let is_last = objects.len() <= limit;
        objects.truncate(limit);
        let next = objects.last().map(|(key, _)| key.clone());
        Page {
            objects,
            next: next.filter(|_| !is_last),
        }
    }

    pub fn uploads(&self, path: &str) -> usize {
        let state = self.state();
        let uploads = state.uploads.values();
        uploads.filter(|upload| upload.path.contains(path)).count()
    }

    pub fn begin_upload(&self, path: &str) -> String {
        let mut state = self.state();
        state.generation += 1;
        let id = format!("upload-{}", state.generation);
        let upload = Upload {
            path: path.to_owned(),
            parts: BTreeMap::new(),
        };
        state.uploads.insert(id.clone(), upload);
        id
    }

    /// Keeps a part, and returns its entity tag.
    pub fn put_part(&self, id: &str, number: usize, pieces: Vec<Bytes>) -> Result<String, Refused> {
        let mut state = self.state();
        state.generation += 1;
        let tag = format!("\"part-{}\"", state.generation);
        let upload = state.uploads.get_mut(id).ok_or(Refused::NotFound)?;
        upload.parts.insert(number, (tag.clone(), pieces));
        Ok(tag)
    }

    pub fn abort_upload(&self, id: &str) -> Result<(), Refused> {
        let mut state = self.state();
        let removed = state.uploads.remove(id);
        removed.map(|_| ()).ok_or(Refused::NotFound)
    }

    /// Makes an object of the parts with these numbers and entity tags, in this order.
    pub fn complete_upload(
        &self,
        id: &str,
        parts: &[(usize, String)],
    ) -> Result<Arc<Object>, Refused> {
        let mut state = self.state();
        let upload = state.uploads.get(id).ok_or(Refused::NotFound)?;
        let mut pieces = Vec::new();
        for (number, tag) in parts {
            let part = upload.parts.get(number).filter(|(kept, _)| kept == tag);
            pieces.extend_from_slice(&part.ok_or(Refused::Malformed)?.1);
        }
        let path = upload.path.clone();
        state.uploads.remove(id);
        Ok(state.store(path, pieces))
    }
}

impl State {
    fn store(&mut self, path: String, pieces: Vec<Bytes>) -> Arc<Object> {
        self.generation += 1;
        let object = Arc::new(Object {
            size: pieces.iter().map(|piece| piece.len() as u64).sum(),
            pieces,
            tag: format!("\"object-{}\"", self.generation),
            generation: self.generation,
            modified: Utc::now(),
        });
        self.objects.insert(path, Arc::clone(&object));
        object
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_goes_on_where_its_page_ended() {
        let objects = Objects::default();
        for path in ["a/x1", "a/x2", "a/x3", "a/y", "ab/x"] {
            objects.put(path, Vec::new(), None).unwrap();
        }
        let list = |after: &str| {
            let page = objects.list("a", "x", after, 2);
            let keys: Vec<_> = page.objects.into_iter().map(|(key, _)| key).collect();
            (keys.join(" "), page.next)
        };
        assert_eq!(list(""), ("x1 x2".to_owned(), Some("x2".to_owned())));
        assert_eq!(list("x2"), ("x3".to_owned(), None));
    }

    #[test]
    fn an_upload_is_the_parts_that_it_names_in_their_order() {
        let objects = Objects::default();
        let upload = objects.begin_upload("a/x");
        let part = |number, text: &'static str| {
            let pieces = vec![Bytes::from_static(text.as_bytes())];
            (number, objects.put_part(&upload, number, pieces).unwrap())
        };
        let (second, old, first) = (part(2, "second"), part(1, "old"), part(1, "first"));
        let refused = objects.complete_upload(&upload, &[old, second.clone()]);
        assert_eq!(refused.unwrap_err(), Refused::Malformed);
        let object = objects.complete_upload(&upload, &[first, second]).unwrap();
        assert_eq!(object.slice(0..object.size).concat(), b"firstsecond");
        assert_eq!(object.slice(4..6).concat(), b"ts");
        assert_eq!(objects.abort_upload(&upload), Err(Refused::NotFound));
    }
}
