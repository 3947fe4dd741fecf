//! What is to be made or changed, and the requests that do it. Pure.

use std::fmt;

use reqwest::Method;
use serde_json::{Value, json};

use super::compare::{Difference, differences};
use super::wanted::{Dataset, Retention};
use crate::axiom::MARK;
use crate::axiom::manage::Request;

/// Keys of a monitor that the service writes.
const OF_THE_SERVICE: [&str; 4] = ["id", "createdAt", "createdBy", "updatedAt"];

/// How something stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It is not there.
    Missing,
    /// It is ours, and differs.
    Differs,
    /// It is as wanted.
    Same,
    /// It is somebody else's.
    Foreign,
}

/// One thing that is wanted.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// What: `dataset SigninLogs`.
    pub what: String,
    /// How it stands.
    pub state: State,
    /// What is to be made or changed.
    pub differences: Vec<Difference>,
    /// What is wanted and left undone, and why.
    pub left: Vec<String>,
    /// What to send, in this order.
    pub requests: Vec<Request>,
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = match self.state {
            State::Missing => '+',
            State::Differs => '~',
            State::Same => '=',
            State::Foreign => '!',
        };
        write!(f, "{mark} {}", self.what)?;
        self.differences.iter().try_for_each(|difference| write!(f, "\n    {difference}"))?;
        self.left.iter().try_for_each(|left| write!(f, "\n    ! {left}"))
    }
}

impl Item {
    fn new(what: String) -> Self {
        Self { what, state: State::Same, differences: Vec::new(), left: Vec::new(), requests: Vec::new() }
    }

    /// Adds a request; `what` it is about is part of what an error says.
    fn send(&mut self, doing: &str, needs: &'static str, method: Method, path: &[&str], body: Value) {
        let path = path.iter().map(|part| (*part).to_owned()).collect();
        let doing = format!("{doing} {}", self.what);
        self.requests.push(Request { doing, needs, method, path, body: Some(body) });
    }

    fn foreign(mut self) -> Self {
        self.state = State::Foreign;
        self.left = vec![format!(
            "left as it is: its description lacks \"{MARK}\", so somebody else made it (to hand it over, put these words into it)"
        )];
        self
    }
}

/// Whether a description carries the mark.
#[must_use]
pub fn is_ours(described: &Value) -> bool {
    described["description"].as_str().is_some_and(|text| text.contains(MARK))
}

/// Plans a dataset; `is` is what the service shows of it, with its map fields.
#[must_use]
pub fn dataset(
    wanted: &Dataset,
    is: Option<(&Value, &[String])>,
    retention: Option<Retention>,
    deployment: Option<&str>,
) -> Item {
    let mut item = Item::new(format!("dataset {}", wanted.name));
    let mut settings = json!({"description": wanted.description});
    if let Some(retention) = retention.filter(|retention| may_set(*retention, is.map(|(is, _)| is), &mut item)) {
        settings["retentionDays"] = retention.days.into();
        settings["useRetentionPeriod"] = true.into();
    }
    let name = wanted.name.as_str();
    let (shown, known) = match is {
        Some((is, _)) if !is_ours(is) => return item.foreign(),
        Some((is, known)) => (is.clone(), known),
        None => (json!({}), &[][..]),
    };
    item.differences = differences(&settings, &shown);
    if is.is_none() {
        item.state = State::Missing;
        settings["name"] = name.into();
        if let Some(deployment) = deployment {
            settings["edgeDeployment"] = deployment.into();
        }
        item.send("create", "datasets: create", Method::POST, &["v2", "datasets"], settings);
    } else if !item.differences.is_empty() {
        // All three go each time, as in Axiom's own client: nobody says what leaving one out means.
        for key in ["retentionDays", "useRetentionPeriod"] {
            let kept = shown.get(key).cloned();
            settings[key] = settings.get(key).cloned().or(kept).unwrap_or_default();
        }
        item.send("change", "datasets: update", Method::PUT, &["v2", "datasets", name], settings);
    }
    for field in wanted.map_fields.iter().filter(|field| !known.contains(field)) {
        let wanted = Some(field.as_str().into());
        item.differences.push(Difference { field: "map field".to_owned(), is: None, wanted });
        let path = ["v2", "datasets", name, "mapfields"];
        item.send("declare a map field of", "datasets: update", Method::POST, &path, json!({"name": field}));
    }
    if item.state == State::Same && !item.differences.is_empty() {
        item.state = State::Differs;
    }
    item
}

/// Whether the retention may be set. A shorter one than before deletes rows at once, and how long the organisation keeps them is not known here.
fn may_set(retention: Retention, is: Option<&Value>, item: &mut Item) -> bool {
    let Some(is) = is else { return true };
    let own = is["useRetentionPeriod"] == true;
    let days = is["retentionDays"].as_u64().filter(|_| own);
    if retention.lower || days.is_some_and(|days| days > 0 && days <= u64::from(retention.days)) {
        return true;
    }
    let now = days.map_or_else(|| "as the organisation says".to_owned(), |days| format!("{days} days"));
    item.left.push(format!(
        "retention stays {now}: {} days may be less, and Axiom deletes what is older at once (say --lower-retention to have it so)",
        retention.days
    ));
    false
}

/// Plans the dashboard; `is` is what the service shows under its uid.
#[must_use]
pub fn dashboard(uid: &str, wanted: &Value, is: Option<&Value>) -> Item {
    const MESSAGE: &str = "sentinel-axiom provision";
    let mut item = Item::new(format!("dashboard {uid}"));
    match is {
        None => {
            item.state = State::Missing;
            item.differences = differences(&json!({"name": wanted["name"]}), &json!({}));
            let charts = wanted["charts"].as_array().into_iter().flatten();
            item.differences.extend(charts.map(|chart| Difference {
                field: "chart".to_owned(),
                is: None,
                wanted: Some(chart["id"].clone()),
            }));
            let body = json!({"dashboard": wanted, "uid": uid, "message": MESSAGE});
            item.send("create", "dashboards: create", Method::POST, &["v2", "dashboards"], body);
        }
        Some(is) if !is_ours(&is["dashboard"]) => return item.foreign(),
        Some(is) => {
            item.differences = differences(wanted, &is["dashboard"]);
            if !item.differences.is_empty() {
                item.state = State::Differs;
                // With the version that was looked at, and not by force: a change that came in between is not lost unseen.
                let body = json!({"dashboard": wanted, "version": is["version"], "message": MESSAGE});
                item.send("change", "dashboards: update", Method::PUT, &["v2", "dashboards", "uid", uid], body);
            }
        }
    }
    item
}

/// Plans a monitor, known by its name among all that there are. Its notifiers are its owner's business unless `notifiers` says which.
#[must_use]
pub fn monitor(wanted: &Value, notifiers: Option<&[String]>, all: &[Value]) -> Item {
    let name = &wanted["name"];
    let mut item = Item::new(format!("monitor {name}"));
    let mut wanted = wanted.clone();
    if let Some(notifiers) = notifiers {
        wanted["notifierIds"] = notifiers.into();
    }
    let mut named = all.iter().filter(|monitor| monitor["name"] == *name).peekable();
    if named.peek().is_none() {
        item.state = State::Missing;
        item.differences = differences(&wanted, &json!({}));
        item.differences.retain(|difference| difference.field != "name");
        item.send("create", "monitors: create", Method::POST, &["v2", "monitors"], wanted);
        return item;
    }
    let Some(is) = named.find(|monitor| is_ours(monitor)) else { return item.foreign() };
    item.differences = differences(&wanted, is);
    if !item.differences.is_empty() {
        item.state = State::Differs;
        // A PUT replaces all of it, so that what is not ours to say goes back as it came.
        let mut body = is.clone();
        for (key, value) in wanted.as_object().into_iter().flatten() {
            body[key] = value.clone();
        }
        if let Some(body) = body.as_object_mut() {
            body.retain(|key, _| !OF_THE_SERVICE.contains(&key.as_str()));
        }
        let id = is["id"].as_str().unwrap_or_default();
        item.send("change", "monitors: update", Method::PUT, &["v2", "monitors", id], body);
    }
    item
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(item: &Item) -> Vec<String> {
        item.to_string().lines().map(|line| line.trim().to_owned()).collect()
    }

    fn sent(item: &Item) -> Vec<String> {
        item.requests.iter().map(|request| format!("{} {}", request.method, request.path.join("/"))).collect()
    }

    fn wanted() -> Dataset {
        Dataset { name: "T".to_owned(), description: format!("Rows of T. {MARK}."), map_fields: vec!["Bag".to_owned()] }
    }

    #[test]
    fn datasets() {
        let retention = |days, lower| Some(Retention { days, lower });
        let item = dataset(&wanted(), None, retention(90, false), Some("cloud.eu-central-1.aws"));
        assert_eq!(sent(&item), ["POST v2/datasets", "POST v2/datasets/T/mapfields"]);
        assert_eq!(item.requests[0].body.as_ref().unwrap()["edgeDeployment"], "cloud.eu-central-1.aws");
        assert!(told(&item).contains(&"+ retentionDays: 90".to_owned()), "{item}");

        let is = json!({"description": MARK, "retentionDays": 30, "useRetentionPeriod": true});
        let item = dataset(&wanted(), Some((&is, &["Bag".to_owned()])), retention(90, false), None);
        assert_eq!((item.state, sent(&item)), (State::Differs, vec!["PUT v2/datasets/T".to_owned()]));
        assert!(told(&item).contains(&"~ retentionDays: 30 -> 90".to_owned()), "{item}");

        let foreign = json!({"description": "mine"});
        let item = dataset(&wanted(), Some((&foreign, &[])), retention(1, false), None);
        assert_eq!((item.state, item.left.len(), sent(&item)), (State::Foreign, 1, vec![]), "{item}");
    }

    #[test]
    fn rows_are_not_deleted_unless_that_is_said() {
        let ours = wanted().description;
        let check = |is: Value, lower: bool, changes: bool| {
            let mut is = is;
            is["description"] = ours.clone().into();
            let retention = Some(Retention { days: 30, lower });
            let item = dataset(&wanted(), Some((&is, &["Bag".to_owned()])), retention, None);
            assert_eq!((item.requests.len() == 1, item.left.is_empty()), (changes, changes), "{is} {item}");
        };
        check(json!({"retentionDays": 90, "useRetentionPeriod": true}), false, false);
        check(json!({"retentionDays": 90, "useRetentionPeriod": true}), true, true);
        check(json!({"retentionDays": 0, "useRetentionPeriod": true}), false, false);
        check(json!({"retentionDays": 0, "useRetentionPeriod": false}), false, false);
        check(json!({"retentionDays": 0, "useRetentionPeriod": false}), true, true);
        check(json!({"retentionDays": 7, "useRetentionPeriod": true}), false, true);
    }

    #[test]
    fn monitors() {
        let wanted = json!({"name": "m", "threshold": 5, "description": MARK});
        assert_eq!(sent(&monitor(&wanted, None, &[])), ["POST v2/monitors"]);
        let theirs = json!({"id": "1", "name": "m", "threshold": 1, "description": "mine"});
        let mut ours = json!({"id": "2", "name": "m", "threshold": 5.0, "description": MARK, "notifierIds": ["n"], "createdAt": "x"});
        assert_eq!(monitor(&wanted, None, std::slice::from_ref(&theirs)).state, State::Foreign);
        assert_eq!(monitor(&wanted, None, &[theirs.clone(), ours.clone()]).state, State::Same);
        ours["threshold"] = 9.into();
        let item = monitor(&wanted, None, &[theirs, ours.clone()]);
        assert_eq!(
            (told(&item)[1].as_str(), &sent(&item)[..]),
            ("~ threshold: 9 -> 5", &["PUT v2/monitors/2".to_owned()][..])
        );
        let expected = json!({"name": "m", "threshold": 5, "description": MARK, "notifierIds": ["n"]});
        assert_eq!(item.requests[0].body, Some(expected), "the notifiers stay");
        let item = monitor(&wanted, Some(&["other".to_owned()]), &[ours]);
        assert!(told(&item).contains(&"~ notifierIds: [\"n\"] -> [\"other\"]".to_owned()), "{item}");
    }

    #[test]
    fn dashboards() {
        let wanted = json!({"name": "d", "description": MARK, "charts": [{"id": "a"}], "layout": []});
        assert_eq!(sent(&dashboard("u", &wanted, None)), ["POST v2/dashboards"]);
        let mut is = json!({"version": 7, "dashboard": wanted});
        assert_eq!(dashboard("u", &wanted, Some(&is)).state, State::Same);
        is["dashboard"]["name"] = "other".into();
        let item = dashboard("u", &wanted, Some(&is));
        assert_eq!(
            (&sent(&item)[..], &item.requests[0].body.as_ref().unwrap()["version"]),
            (&["PUT v2/dashboards/uid/u".to_owned()][..], &json!(7))
        );
        is["dashboard"]["description"] = "mine".into();
        assert_eq!(dashboard("u", &wanted, Some(&is)).state, State::Foreign);
    }
}
