//! Answers that only people can change, and datasets that are missing.

use std::collections::HashSet;
use std::sync::Mutex;

use super::*;

fn answer(status: u16) -> Act {
    Act::Answer(status, "location: https://elsewhere.example/\r\n", r#"{"message":"because"}"#.to_owned())
}

/// An Axiom with datasets: creation answers `creation` and makes one where that is a success.
async fn with_datasets(creation: u16) -> Server {
    let datasets = Mutex::new(HashSet::new());
    Server::start(move |request| {
        let mut datasets = datasets.lock().expect("nobody panics while it is held");
        if request.target == "/v2/datasets" {
            let wanted: serde_json::Value = serde_json::from_slice(&request.body).expect("the request is JSON");
            if creation == 200 {
                datasets.insert(wanted["name"].as_str().expect("a text").to_owned());
            }
            return answer(creation);
        }
        let name = request.target.trim_start_matches("/v1/ingest/").split('?').next().expect("a path");
        if datasets.contains(name) { Act::Ok } else { answer(404) }
    })
    .await
}

fn creations(server: &Server) -> usize {
    server.received().iter().filter(|request| request.target == "/v2/datasets").count()
}

#[tokio::test]
async fn stops_at_once_and_says_what_to_do() {
    for (status, words) in [
        (401, &["401", "because", "AXIOM_TOKEN", "SigninLogs"][..]),
        (403, &["403", "because", "right to ingest", "SigninLogs"]),
        (302, &["302", "redirect to https://elsewhere.example/", "AXIOM_EDGE"]),
        (422, &["422", "because"]),
    ] {
        let server = Server::start(move |_| answer(status)).await;
        let advice = advice_of(deliver(&axiom(&server), batch(&["{}"])).await);
        assert!(words.iter().all(|word| advice.contains(word)), "{advice}");
        assert!(!advice.contains("xaat-"), "{advice}");
        assert_eq!(server.received().len(), 1);
    }
}

#[tokio::test]
async fn a_personal_token_is_told_to_check_its_organisation() {
    let server = Server::start(|_| answer(403)).await;
    let mut settings = settings(&server);
    settings.token_kind = TokenKind::Personal { org_id: "acme-1".to_owned() };
    let advice = advice_of(deliver(&axiom_with(settings), batch(&["{}"])).await);
    assert!(advice.contains("AXIOM_ORG_ID (`acme-1`)"), "{advice}");
}

#[tokio::test]
async fn a_missing_dataset_is_created_once_for_all_batches() {
    let server = with_datasets(200).await;
    let axiom = axiom(&server);
    let each = (0..6).map(|_| deliver(&axiom, batch(&["{}"])));
    let delivered = futures::future::join_all(each).await;
    assert!(delivered.iter().all(|delivered| delivered.as_ref().is_ok_and(|done| done.tally().repeats == 0)));
    assert_eq!(creations(&server), 1);
    let other = Destination { dataset: "AuditLogs".to_owned(), blob: None };
    deliver_to(&axiom, &other, batch(&["{}"]), far()).await.expect("delivered");
    assert_eq!(creations(&server), 2);
}

#[tokio::test]
async fn a_dataset_that_exists_but_is_not_found_here_points_to_the_edge() {
    let server = with_datasets(409).await;
    let advice = advice_of(deliver(&axiom(&server), batch(&["{}"])).await);
    assert!(advice.contains("although the dataset exists") && advice.contains("AXIOM_EDGE"), "{advice}");
}

#[tokio::test]
async fn a_dataset_that_was_created_meanwhile_is_used() {
    let server = Server::start(|request| match request.index {
        0 => answer(404),
        1 => answer(409),
        2 => answer(404),
        3 => answer(200),
        _ => Act::Ok,
    });
    let server = server.await;
    let delivered = deliver(&axiom(&server), batch(&["{}"])).await.expect("delivered");
    assert_eq!((delivered.tally().rows, delivered.tally().requests, creations(&server)), (1, 3, 2));
}

#[tokio::test]
async fn a_token_that_may_not_create_names_both_remedies() {
    let server = with_datasets(403).await;
    let advice = advice_of(deliver(&axiom(&server), batch(&["{}"])).await);
    for word in ["create dataset `SigninLogs`", "right to create datasets", "or create the dataset in Axiom"] {
        assert!(advice.contains(word), "{advice}");
    }
    let server = with_datasets(400).await;
    let advice = advice_of(deliver(&axiom(&server), batch(&["{}"])).await);
    assert!(advice.contains("because") && advice.contains("AXIOM_DATASET_MAP"), "{advice}");
}

#[tokio::test]
async fn nothing_is_created_where_that_is_switched_off() {
    let server = with_datasets(200).await;
    let mut settings = settings(&server);
    settings.create_datasets = false;
    let advice = advice_of(deliver(&axiom_with(settings), batch(&["{}"])).await);
    assert!(advice.contains("SigninLogs") && advice.contains("AXIOM_CREATE_DATASETS"), "{advice}");
    assert_eq!(creations(&server), 0);
}

#[tokio::test]
async fn trouble_during_creation_is_tried_again() {
    let server = Server::start(|request| match (request.target.as_str(), request.index) {
        ("/v2/datasets", 1) => answer(503),
        ("/v2/datasets", 3) => Act::Close,
        ("/v2/datasets", 5) => answer(429),
        ("/v2/datasets", _) => answer(200),
        (_, index) if index < 7 => answer(404),
        _ => Act::Ok,
    });
    let server = server.await;
    let delivered = deliver(&axiom(&server), batch(&["{}"])).await.expect("delivered");
    assert_eq!((delivered.tally().rows, creations(&server)), (1, 4));
}

#[test]
fn settings_that_cannot_be_sent_are_errors() {
    let settings = |token: &str, url: &str| {
        let url: url::Url = url.parse().expect("a URL");
        AxiomSettings {
            token: Secret::new(token),
            token_kind: TokenKind::Api,
            url: url.clone(),
            ingest: Door::Central(url),
            datasets: DatasetRule::One("a".to_owned()),
            create_datasets: true,
            provenance: true,
        }
    };
    let error = Axiom::connect(settings("xaat-\n", "https://api.axiom.co")).unwrap_err();
    assert!(matches!(error, ConnectError::Header) && !error.to_string().contains("xaat"));
    let error = Axiom::connect(settings("xaat-1", "mailto:a@b")).unwrap_err();
    assert!(matches!(error, ConnectError::Address(_)));
    let axiom = Axiom::connect(settings("xaat-1", "https://api.axiom.co")).expect("a client");
    assert_eq!(axiom.dataset_for(Some("SigninLogs"), "signinlogs"), "a");
}
