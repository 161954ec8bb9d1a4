"""Train a net with batch norm on handwritten digits."""

import minigrad as mg
from minigrad import data, nn, optim
from minigrad.nn import functional as F

mg.manual_seed(0)
train_set, test_set = data.digits()
show(train_set.arrays[0][:16])

model = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 10))
optimizer = optim.Adam(model.parameters(), 0.01)
losses = []
for _ in range(5):
    for images, labels in data.DataLoader(train_set, batch_size=32, shuffle=True):
        loss = F.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
show(losses)

model.eval()  # from here on the averages, not the statistics of a batch
images, labels = (mg.as_tensor(array) for array in test_set.arrays)
print(f"right on {(model(images).argmax(axis=1) == labels).mean().item():.1%} of the test digits")
