//! Names of blobs: what is accepted is a path of data export and nothing that could lead elsewhere. The input is `<container>\n<name>`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sentinel_axiom::wake::ExportBlob;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (container, name) = text.split_once('\n').unwrap_or(("am-table", text));
    let Ok(blob) = ExportBlob::parse(container, name) else { return };
    assert_eq!((blob.container(), blob.name()), (container, name), "names pass unchanged");
    assert_eq!(blob.to_string(), format!("{container}/{name}"));
    assert_eq!(format!("am-{}", blob.table()), container);
    assert!(!blob.table().is_empty() && container.len() <= 63);
    let hostile = |c: char| c.is_control() || c.is_whitespace() || "%?#\\:@&".contains(c);
    assert!(!container.contains(hostile) && !name.contains(hostile), "{blob}");
    assert!(name.split('/').all(|segment| !segment.is_empty() && segment != "." && segment != ".."), "{blob}");
    assert!(name.len() <= 1024 && name.split('/').count() == 15);
    assert_eq!(blob.folder_time().second(), 0);
    // The keys are known in any case, so in upper case it is the same folder and part.
    let upper = name.to_ascii_uppercase();
    let upper = ExportBlob::parse(container, &upper).expect("case does not matter");
    assert_eq!((upper.folder_time(), upper.part()), (blob.folder_time(), blob.part()));
});
