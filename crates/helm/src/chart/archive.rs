//! Chart archives: gzipped tar files with a single top folder, unpacked in memory and within limits.

use std::io::Read;

use pleach_yaml::diag::{Class, Diagnostic};
use pleach_yaml::tree::{Tree, TreePath};

// The limits of Helm (`MaxDecompressedFileSize`, `MaxDecompressedChartSize`), and a maximum number of files.
const FILES_MAX: usize = 20_000;
const FILE_BYTES_MAX: u64 = 5 << 20;
const BYTES_MAX: u64 = 100 << 20;

/// The maximum length of paths and extended headers. The `tar` crate reads them as a whole, so they are checked first.
const NAME_BYTES_MAX: u64 = 64 << 10;

/// Reads the files below the top folder of an archive. `name` is its name in messages.
///
/// Errors: `invalid-chart` for invalid or too large archives, links, and paths that lead out of the archive.
pub fn unpack(bytes: &[u8], name: &str) -> Result<Tree, Diagnostic> {
    let mut tree = Tree::new();
    for (path, content) in unpack_in_order(bytes, name)? {
        tree.insert(path, content);
    }
    Ok(tree)
}

/// The files like [`unpack`], in the order of the archive.
pub fn unpack_in_order(bytes: &[u8], name: &str) -> Result<Vec<(TreePath, Vec<u8>)>, Diagnostic> {
    let refused = |problem: &str| {
        let fault = Diagnostic::error("invalid-chart", format!("`{name}` {problem}"))
            .class(Class::InvalidChart);
        fault.help("create a chart archive with `helm package` or `pleach publish chart -o`")
    };
    let broken = |error: std::io::Error| refused(&format!("cannot be unpacked: {error}"));
    if has_long_names(bytes).map_err(broken)? {
        return Err(refused("contains a path that is too long"));
    }
    let mut archive = tar::Archive::new(decompressed(bytes));
    let (mut files, mut total) = (Vec::new(), 0);
    for entry in archive.entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        let kind = entry.header().entry_type();
        if kind.is_dir() || kind.is_pax_global_extensions() {
            continue;
        }
        let path_bytes = entry.path_bytes().into_owned();
        let packed_path = String::from_utf8_lossy(&path_bytes).into_owned();
        if !kind.is_file() {
            return Err(refused(&format!(
                "contains `{packed_path}`, which is not a regular file"
            )));
        }
        let path = inner_path(&packed_path)
            .filter(|_| std::str::from_utf8(&path_bytes).is_ok())
            .ok_or_else(|| {
                refused(&format!(
                    "contains the path `{packed_path}`, which leads out of its folder"
                ))
            })?;
        total += entry.size();
        if entry.size() > FILE_BYTES_MAX || total > BYTES_MAX || files.len() >= FILES_MAX {
            return Err(refused("is too large for a chart"));
        }
        let mut content = Vec::new();
        entry.read_to_end(&mut content).map_err(broken)?;
        files.push((path, content));
    }
    // The checksum follows the data of the last file.
    std::io::copy(&mut archive.into_inner(), &mut std::io::sink()).map_err(broken)?;
    match files.is_empty() {
        true => Err(refused("contains no files")),
        false => Ok(files),
    }
}

/// The decompressed data, up to one byte more than the limit, so that larger archives are detected.
fn decompressed(bytes: &[u8]) -> impl Read {
    flate2::read::MultiGzDecoder::new(bytes).take(BYTES_MAX + 1)
}

/// Whether a path or an extended header exceeds the limit.
fn has_long_names(bytes: &[u8]) -> std::io::Result<bool> {
    let mut archive = tar::Archive::new(decompressed(bytes));
    for entry in archive.entries()?.raw(true) {
        let entry = entry?;
        let kind = entry.header().entry_type();
        let describes_next_entry = kind.is_gnu_longname()
            || kind.is_gnu_longlink()
            || kind.is_pax_local_extensions()
            || kind.is_pax_global_extensions();
        if describes_next_entry && entry.size() > NAME_BYTES_MAX {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The path within the top folder. `None` if it is outside of it.
fn inner_path(path: &str) -> Option<TreePath> {
    let path = path.trim_start_matches("./");
    let is_outside =
        path.starts_with('/') || path.contains('\\') || path.split('/').any(|part| part == "..");
    let (_, inner) = path.split_once('/').filter(|_| !is_outside)?;
    TreePath::new(inner).filter(|path| *path != TreePath::root())
}

/// Creates the archive of a chart. The same files always give the same bytes.
pub fn pack(files: &Tree, name: &str) -> Result<Vec<u8>, Diagnostic> {
    let failed = |error: std::io::Error| {
        Diagnostic::error(
            "invalid-chart",
            format!("`{name}` cannot be packed: {error}"),
        )
        .class(Class::InvalidChart)
    };
    let gzip = flate2::GzBuilder::new().mtime(0).operating_system(255);
    let mut builder = tar::Builder::new(gzip.write(Vec::new(), flate2::Compression::best()));
    for (path, bytes) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        let path = format!("{name}/{path}");
        builder
            .append_data(&mut header, path, &**bytes)
            .map_err(failed)?;
    }
    let encoder = builder.into_inner().map_err(failed)?;
    encoder.finish().map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(entries: &[(&str, tar::EntryType)]) -> Vec<u8> {
        let zipped = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        let mut builder = tar::Builder::new(zipped);
        for (path, kind) in entries {
            let mut header = tar::Header::new_gnu();
            // The builder refuses such paths, so they are put in manually.
            let field = header.as_old_mut();
            field.name[..path.len()].copy_from_slice(path.as_bytes());
            header.set_entry_type(*kind);
            header.set_size(0);
            header.set_cksum();
            builder.append(&header, &[][..]).unwrap();
        }
        builder.into_inner().unwrap().finish().unwrap()
    }

    #[test]
    fn unpacking_reverses_packing() {
        let tree = Tree::from_text("-- Chart.yaml --\nname: a\n-- templates/a.yaml --\na: 1\n");
        let packed = pack(&tree, "a").unwrap();
        assert_eq!(unpack(&packed, "a").unwrap(), tree);
        assert_eq!(pack(&tree, "a").unwrap(), packed);
    }

    #[test]
    fn long_paths_are_packed() {
        let mut tree = Tree::new();
        let path = format!("{}/a.yaml", "folder/".repeat(40));
        tree.insert(TreePath::new(&path).unwrap(), *b"a");
        assert_eq!(unpack(&pack(&tree, "a").unwrap(), "a").unwrap(), tree);
    }

    #[test]
    fn dangerous_archives_are_rejected() {
        let file = tar::EntryType::Regular;
        let refused =
            |path: &str, kind| unpack(&archive(&[(path, kind)]), "x").unwrap_err().message;
        for path in [
            "a/../../b",
            "/etc/passwd",
            "a\\..\\b",
            "Chart.yaml",
            "../a/b",
        ] {
            assert!(refused(path, file).contains("leads out"), "{path}");
        }
        assert!(refused("a/b", tar::EntryType::Symlink).contains("not a regular file"));
        assert!(refused("a/b", tar::EntryType::Link).contains("not a regular file"));
        assert!(unpack(b"no archive", "x").is_err());
        assert!(unpack(&archive(&[]), "x").is_err());
        let whole = archive(&[("a/b", file)]);
        assert!(unpack(&whole[..whole.len() / 2], "x").is_err());
    }

    #[test]
    fn paths_that_are_too_long_are_rejected() {
        for kind in [tar::EntryType::GNULongName, tar::EntryType::XHeader] {
            let zipped = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            let mut builder = tar::Builder::new(zipped);
            let name = vec![b'a'; NAME_BYTES_MAX as usize + 1];
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(kind);
            header.set_size(name.len() as u64);
            header.set_cksum();
            builder.append(&header, &*name).unwrap();
            let archive = builder.into_inner().unwrap().finish().unwrap();
            let fault = unpack(&archive, "x").unwrap_err();
            assert!(fault.message.contains("too long"), "{}", fault.message);
        }
    }

    #[test]
    fn archives_that_unpack_to_too_much_are_rejected() {
        let mut tree = Tree::new();
        tree.insert(
            TreePath::new("a").unwrap(),
            vec![0; FILE_BYTES_MAX as usize + 1],
        );
        assert!(
            unpack(&pack(&tree, "x").unwrap(), "x")
                .unwrap_err()
                .message
                .contains("too large")
        );
    }
}
