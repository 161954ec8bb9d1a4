"""One's own data: tables, files of NumPy, IDX pairs, folders of pictures, CIFAR unpacked, and the split that keeps the classes' shares."""

import os
import zipfile

import numpy as np
import pytest
from support.pictures import write_digits

import minigrad as mg
from minigrad import data
from minigrad.data import DataError, TensorDataset


class TestTables:
    @pytest.fixture
    def read(self, tmp_path):
        def read(content, **options):
            (tmp_path / "t.csv").write_bytes(content.encode() if isinstance(content, str) else content)
            return data.read_csv(tmp_path / "t.csv", **options)

        return read

    def test_a_header_with_a_mark_before_it_and_quotes(self, read):
        table = read('\ufeff"length, cm",kind,width\r\n1.5,"a ""b""",2\r\n-3e1,c,4\r\n', target="kind")
        assert table.columns == ("length, cm", "width")
        assert table.classes == ('a "b"', "c")
        np.testing.assert_array_equal(table.arrays[0], np.array([[1.5, 2], [-30, 4]], np.float32))
        np.testing.assert_array_equal(table.arrays[1], [0, 1])
        assert repr(table) == "TensorDataset(2 items of float32[2], int64, 2 classes)"

    @pytest.mark.parametrize(("mark", "number"), [(";", "1,5"), ("\t", "1,5"), (",", "1.5")])
    def test_what_stands_between_the_cells(self, read, mark, number):
        table = read(f"x{mark}y\n{number}{mark}2\n\n3{mark}4\n")
        np.testing.assert_array_equal(table.arrays[0], [[1.5, 2], [3, 4]])

    @pytest.mark.parametrize(
        ("content", "columns"),
        [("1,2\n3,4\n", ("1", "2")), ("5.1,a\n3,b\n", ("1", "2")), ("0,1,kind\n5,6,7\n", ("0", "1", "kind")), (",x\n0,5\n1,6\n", ("x",))],
    )
    def test_headers_and_the_index_of_pandas(self, read, content, columns):
        from minigrad.data.tables import read_table

        read("1\n")
        (path := read.__closure__[0].cell_contents / "t.csv").write_text(content)
        assert read_table(path).columns == columns

    def test_what_is_to_be_learned_is_told_by_the_column(self, read):
        few = "x,y\n" + "".join(f"{i},{i % 3}\n" for i in range(12))
        assert read(few, target="y").classes == ("0", "1", "2")
        many = read(few, target="x")
        assert (many.classes, many.arrays[1].shape, many.arrays[1].dtype) == ((), (12, 1), np.float32)
        assert read(few, target="y", task="regression").classes == ()
        assert read(few, target="x", task="classification").classes == tuple(map(str, range(12)))

    def test_utf_16(self, read):
        assert read("größe\tx\n1\t2\n".encode("utf-16")).columns == ("größe", "x")

    @pytest.mark.parametrize(
        ("content", "options", "said"),
        [
            ("x,y\n1,2\n3,\n", {}, r"line 3: column 'y' has no value \(''\)"),
            ("x,y\n1,2\n\nNA,4\n", {}, r"line 4: column 'x' has no value \('NA'\)"),
            ("x,y\n1,2\n3,4,5\n", {}, "line 3 has 3 cells; line 1 has 2"),
            ("x,y\n1,2\n3,inf\n", {}, "line 3: 'inf' in the column 'y' is no finite number"),
            ("x,y\n1,2\n1e99,3\n", {}, "line 3: '1e99' in the column 'x' is no finite number"),
            ("x,y\n1,2\n3,two\n", {}, "line 3: 'two' in the column 'y'"),
            ("x,y\n1,2\n2,1\n4,3\n3,1x\n", {"target": "y"}, "line 5: '1x' in the column 'y'"),
            ("x,y\n1,2\n", {"target": "z"}, "has no column 'z'; it has 'x', 'y'"),
            ("y\n1\n", {"target": "y"}, "nothing to learn it from"),
            ("x,x\n1,2\n", {}, "names the column 'x' twice"),
            ("x,y\n", {}, "has a header and no rows"),
            ("", {}, "is empty"),
            ('x,y\n1,"2\n', {}, "line 2: unexpected end"),
            (b"x,y\n1,\xff\n", {}, "line 2 is not text in UTF-8"),
            (b"x,y\n1,\x00\n", {}, "line 2 has a NUL"),
        ],
    )
    def test_every_fault_names_its_place(self, read, content, options, said):
        with pytest.raises(DataError, match=said):
            read(content, **options)

    def test_another_task(self, read):
        with pytest.raises(ValueError, match="task must be classification or regression, not 'ranking'"):
            read("x,y\n1,2\n", target="y", task="ranking")


class TestArrays:
    def test_images_and_labels(self, tmp_path):
        images = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
        np.savez_compressed(tmp_path / "d.npz", images=images, labels=[7, 3])
        read = data.from_npz(tmp_path / "d.npz")
        np.testing.assert_array_equal(read.arrays[0], images[:, None].astype(np.float32) / np.float32(255))
        assert (read.classes, read.arrays[1].tolist()) == (("3", "7"), [1, 0])

    def test_numbers_to_learn_and_text_as_classes(self, tmp_path):
        x = np.arange(6.0).reshape(3, 2)
        np.savez(tmp_path / "d.npz", a=x, b=np.array([0.5, 1, 2]), c=np.array(["u", "v", "u"]))
        read = data.from_npz(tmp_path / "d.npz", "a", "b")
        assert (read.arrays[0].dtype, read.arrays[1].shape, read.arrays[1].dtype) == (np.float32, (3, 1), np.float32)
        assert data.from_npz(tmp_path / "d.npz", "a", "c").classes == ("u", "v")
        np.save(tmp_path / "x.npy", np.asfortranarray(x))
        np.testing.assert_array_equal(data.from_npz(tmp_path / "x.npy").arrays[0], x)

    def test_colours_last_become_first(self, tmp_path):
        np.savez(tmp_path / "d.npz", x=np.zeros((2, 4, 5, 3)), y=[0, 1])
        assert data.from_npz(tmp_path / "d.npz").arrays[0].shape == (2, 3, 4, 5)

    def test_pickled_objects_are_not_loaded(self, tmp_path):
        class Trap:
            def __reduce__(self):
                return os.mkdir, (str(tmp_path / "trapped"),)

        np.save(tmp_path / "x.npy", np.array([Trap()], object), allow_pickle=True)
        np.savez(tmp_path / "x.npz", x=np.array([Trap()], object))
        for name in ("x.npy", "x.npz"):
            with pytest.raises(DataError, match="holds pickled objects"):
                data.from_npz(tmp_path / name)
        assert not (tmp_path / "trapped").exists()

    def test_faults(self, tmp_path):
        np.savez(tmp_path / "d.npz", q=np.zeros(3), x=np.array([[0.0], [np.nan]]), y=[1, 2, 3])
        for arguments, said in [
            (("q", "y"), r"has an array of shape \(3,\)"),
            (("x", "y"), "item 1 holds NaN"),
            (("z",), "has no array 'z'; it has q, x, y"),
        ]:
            with pytest.raises(DataError, match=said):
                data.from_npz(tmp_path / "d.npz", *arguments)
        np.savez(tmp_path / "e.npz", x=np.zeros((2, 1)), y=[1, 2, 3])
        with pytest.raises(DataError, match="do not belong together"):
            data.from_npz(tmp_path / "e.npz")
        (tmp_path / "e.npz").write_bytes((tmp_path / "e.npz").read_bytes()[:-30])
        with pytest.raises(DataError, match=r"is no .npz or .npy file"):
            data.from_npz(tmp_path / "e.npz")

    def test_a_small_file_that_claims_to_be_large(self, tmp_path):
        head = str({"descr": "<f8", "fortran_order": False, "shape": (10**9, 5)}).encode().ljust(117) + b"\n"
        (tmp_path / "x.npy").write_bytes(b"\x93NUMPY\x01\x00\x76\x00" + head)
        with pytest.raises(DataError, match="needs 40000000000 bytes"):
            data.from_npz(tmp_path / "x.npy")
        with zipfile.ZipFile(tmp_path / "x.npz", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("x.npy", bytes(10**6))
        with pytest.raises(DataError, match="more than the 100000 that it may have"):
            data.read_npz(tmp_path / "x.npz", limit=100_000)

    def test_idx_of_any_size(self, tmp_path):
        images, labels = np.arange(60, dtype=np.uint8).reshape(5, 3, 4), np.array([12, 0, 12, 5, 0], np.uint8)
        data.write_idx(tmp_path / "i", images)
        data.write_idx(tmp_path / "l", labels)
        read = data.from_idx(tmp_path / "i", tmp_path / "l")
        assert (read.arrays[0].shape, read.classes) == ((5, 1, 3, 4), ("0", "5", "12"))
        assert [int(read.classes[k]) for k in read.arrays[1]] == labels.tolist()
        with pytest.raises(DataError, match=r"classes must have shape \(5,\), not \(5, 3, 4\)"):
            data.from_idx(tmp_path / "i", tmp_path / "i")
        data.write_idx(tmp_path / "l", labels[:4])
        with pytest.raises(DataError, match="do not belong together"):
            data.from_idx(tmp_path / "i", tmp_path / "l")


class TestPictures:
    @pytest.fixture(autouse=True)
    def pillow(self):
        self.Image = pytest.importorskip("PIL.Image", reason="pictures need Pillow (the extra images)")

    def test_digits_come_back_as_they_were(self, tmp_path):
        images, labels = write_digits(tmp_path / "d", 40)
        read = data.ImageFolder(tmp_path / "d")
        assert read.classes == tuple("0123456789")
        order = np.argsort(labels, kind="stable")
        np.testing.assert_array_equal(read.arrays[0][:, 0] * 255, images[order])
        np.testing.assert_array_equal(read.arrays[1], labels[order])
        assert read.files[0].parent.name == "0"
        assert repr(read) == "ImageFolder(40 items of float32[1, 8, 8], int64, 10 classes)"

    def test_colour_kinds_and_sizes(self, tmp_path):
        for name in ("cat", "dog", ".cache"):
            (tmp_path / name).mkdir()
        self.Image.new("RGB", (6, 4), (255, 0, 51)).save(tmp_path / "cat" / "a.png")
        self.Image.new("L", (6, 4), 51).save(tmp_path / "dog" / "b.JPG")
        self.Image.fromarray(np.full((4, 6), 65535, np.uint16)).save(tmp_path / "dog" / "c.png")
        (tmp_path / "dog" / "notes.txt").write_text("not a picture")
        read = data.ImageFolder(tmp_path)
        assert (read.classes, read.arrays[0].shape) == (("cat", "dog"), (3, 3, 4, 6))
        np.testing.assert_allclose(read.arrays[0][0, :, 0, 0], [1, 0, 0.2])
        assert read.arrays[0][2].min() == 1.0
        assert data.ImageFolder(tmp_path, size=(2, 3), channels=1).arrays[0].shape == (3, 1, 2, 3)
        self.Image.new("L", (5, 4)).save(tmp_path / "dog" / "d.png")
        with pytest.raises(DataError, match=r"d\.png has 4 x 5 pixels \(height x width\), .*a\.png has 4 x 6; give a size"):
            data.ImageFolder(tmp_path)

    def test_a_photograph_on_its_side_is_turned(self, tmp_path):
        (tmp_path / "a").mkdir()
        picture = self.Image.new("L", (6, 4))
        exif = picture.getexif()
        exif[0x0112] = 6  # turn by 90 degrees
        picture.save(tmp_path / "a" / "x.jpg", exif=exif)
        assert data.ImageFolder(tmp_path).arrays[0].shape == (1, 1, 6, 4)

    def test_faults(self, tmp_path):
        with pytest.raises(DataError, match="there is no folder"):
            data.ImageFolder(tmp_path / "none")
        with pytest.raises(DataError, match="has no folders with pictures"):
            data.ImageFolder(tmp_path)
        self.Image.new("L", (5, 4)).save(tmp_path / "x.png")
        with pytest.raises(DataError, match="has pictures and no class folders"):
            data.ImageFolder(tmp_path)
        (tmp_path / "a").mkdir()
        (tmp_path / "a" / "x.png").write_bytes((tmp_path / "x.png").read_bytes()[:40])
        with pytest.raises(DataError, match=r"x\.png is no picture that can be read"):
            data.ImageFolder(tmp_path)
        self.Image.new("I", (5, 4), 70000).save(tmp_path / "a" / "x.tif")
        (tmp_path / "a" / "x.png").unlink()
        with pytest.raises(DataError, match=r"x\.tif has numbers of 32 bits"):
            data.ImageFolder(tmp_path)


class TestStratifiedSplit:
    def test_each_part_has_its_share_of_each_class(self):
        labels = np.repeat(np.arange(4), [100, 37, 8, 1])
        dataset = TensorDataset(np.arange(146), labels)
        parts = data.stratified_split(dataset, [0.7, 0.2, 0.1], generator=mg.random.Generator(3))
        assert sorted(np.concatenate([p.indices for p in parts])) == list(range(146))
        assert [len(p) for p in parts] == [len(p) for p in data.random_split(dataset, [0.7, 0.2, 0.1])]
        for part, share in zip(parts, (0.7, 0.2, 0.1), strict=True):
            assert abs(np.bincount(labels[part.indices], minlength=4) - share * np.array([100, 37, 8, 1])).max() <= 1

    def test_it_is_at_random_and_the_same_for_the_same_generator(self):
        dataset = TensorDataset(np.arange(60), np.arange(60) % 3)
        first, again, other = (
            data.stratified_split(dataset, [40, 20], generator=mg.random.Generator(s))[1].indices.tolist() for s in (1, 1, 2)
        )
        assert first == again != other
        assert first != sorted(first)

    def test_faults(self):
        dataset = TensorDataset(np.arange(6), np.linspace(0, 1, 6))
        with pytest.raises(ValueError, match="labels must be 6 integers, not float"):
            data.stratified_split(dataset, [3, 3])
        with pytest.raises(ValueError, match="stratified_split: lengths must add up to 6"):
            data.stratified_split(dataset, [3, 2], np.arange(6))
        with pytest.raises(ValueError, match="pass labels; Subset"):
            data.stratified_split(data.Subset(dataset, [1, 2]), [1, 1])


@pytest.mark.parametrize("inner", ["", "cifar-10-batches-bin"])
def test_cifar_unpacked(tmp_path, inner):
    folder = tmp_path / inner
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(0)
    for k, name in enumerate([*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"]):
        records = rng.integers(0, 256, (2, 3073), dtype=np.uint8)
        records[:, 0] = k
        (folder / name).write_bytes(records.tobytes())
    train, test = data.cifar10(tmp_path)
    assert train.arrays[0].shape == (10, 3, 32, 32)
    assert (train.arrays[1].tolist(), test.arrays[1].tolist()) == ([0, 0, 1, 1, 2, 2, 3, 3, 4, 4], [5, 5])
    np.testing.assert_array_equal(test.arrays[0][1].ravel() * np.float32(255), records[1, 1:])
    (folder / "data_batch_4.bin").unlink()
    with pytest.raises(DataError, match=r"there is no file .*data_batch_4\.bin"):
        data.cifar10(tmp_path)
