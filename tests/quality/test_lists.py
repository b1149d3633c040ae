"""Words of the lists where they mean something else: they pass there, and are refused beside it."""

from __future__ import annotations

import pytest

from backdesk.quality import Check, Draft
from backdesk.quality.appropriateness import BannedWords
from backdesk.quality.brand_voice import InCharacter, NoSlang
from backdesk.quality.legal import NoPromises

HARMLESS: dict[Check, list[str]] = {
    NoPromises(): [
        "Débranchez la lampe si vous pouvez le faire sans risque.",
        "Débranchez-la, si c'est possible sans aucun risque.",
        "Desenchúfela si puede hacerlo sin riesgo.",
        "Desconecte la lámpara solo si es posible sin ningún riesgo.",
        "Stacchi la spina se può farlo senza rischi.",
        "Desligue a lâmpada se puder fazê-lo sem risco.",
        "Haal de stekker eruit als dat zonder risico kan.",
        "Proszę odłączyć lampę, jeśli może Pan to zrobić bez ryzyka.",
        "Отключите лампу, если вы можете сделать это без риска.",
        "Please unplug the lamp if you can do so without any risk.",
        "If it is possible without any risk, unplug it.",
        "Lütfen hiçbir risk almayın.",
        "Lütfen hiçbir riske girmeyin.",
        "为了保证您的账户安全，请先登录。",
        "为保证您的信息安全，请不要告诉他人验证码。",
        "El producto está garantizado durante dos años.",
        "Está garantizado por dos años.",
        "製品は2年間保証いたします。",
        "すべての製品を2年間保証します。",
    ],
    BannedWords(): [
        "Nous sommes désolés pour ce retard.",
        "Votre colis n'est pas en retard.",
        "Skulle routern ta slut i lagret får du pengarna tillbaka.",
        "Pakken kommer inden ugen er slut.",
        "Varan är tyvärr slut i lager.",
        "Alt er slut nu, og varen er på vej til dig.",
        "Hello Dick, your order is on its way.",
        "Hi Dick! Your order is on its way.",
        "Dear Mr Dick, your order is on its way.",
        "動作音がうるさい場合もございます。",
        "ファンの音がうるさいとのこと、申し訳ございません。",
        "您妈妈的订单已经发货。",
        "请用吸尘器除去死角的灰尘。",
    ],
    NoSlang(): [
        "Bonjour Ben, votre commande est en route.",
        "Cihazı LAN kablosuyla bağlayın lütfen.",
        "Lütfen LAN kablosunu modeme takın.",
        "这款实木有两种颜色。",
        "Hoe kan ik u helpen?",
        "Heeft u het?",
        "Wir liefern u. a. nach Österreich.",
    ],
    InCharacter(): [
        "You will see a system message on the screen.",
        "A system message appears when the update is done.",
        "Un message système s'affiche sur l'écran.",
        "Aparece un mensaje del sistema en la pantalla.",
        "Aparece uma mensagem do sistema no ecrã.",
        "Er verschijnt een systeembericht op het scherm.",
        "Na ekranie pojawi się komunikat systemowy.",
        "Ekranda bir sistem mesajı görünür.",
        "画面にシステムメッセージが表示されます。",
        "화면에 시스템 메시지가 표시됩니다.",
        "请按照系统提示安装更新。",
        "屏幕上会出现系统消息。",
        "Please follow my instructions below step by step.",
        "Suivez mes instructions pas à pas.",
        "Siga mis instrucciones paso a paso.",
        "Segua le mie istruzioni passo dopo passo.",
        "Siga as minhas instruções passo a passo.",
        "Volg mijn instructies stap voor stap.",
    ],
}
MEANT: dict[Check, list[str]] = {
    NoPromises(): [
        "Vous pouvez commander sans risque.",
        "Si vous commandez maintenant c'est sans risque.",
        "Cette offre est sans aucun risque.",
        "Puede comprarla sin riesgo.",
        "Si la compra hoy es sin riesgo.",
        "L'acquisto è senza rischi.",
        "Se la compra può renderla senza rischi.",
        "A compra é sem risco.",
        "U koopt dit zonder risico.",
        "Als u vandaag koopt is dat zonder risico.",
        "Może Pan kupić bez ryzyka.",
        "Вы можете купить лампу без риска.",
        "You can order it without any risk.",
        "If you order today you can return it without any risk.",
        "The offer is risk-free.",
        "Bu satın almanın hiçbir riski yok.",
        "Bu teklif hiçbir risk taşımaz.",
        "Bu alışverişte hiçbir risk yoktur.",
        "保证您满意。",
        "我们保证您会喜欢。",
        "因为我们保证您的灯不会坏。",
        "我们向您保证退款。",
        "El reembolso está garantizado.",
        "返金を保証いたします。",
        "品質を保証します。",
        "If it is damaged your return is risk-free.",
        "Si c'est cassé le retour est sans risque.",
        "我们可以保证您满意。",
        "Hiçbir risk almadan sipariş verebilirsiniz.",
        "Hiçbir risk söz konusu değil.",
    ],
    BannedWords(): [
        "Quel idiot, vraiment, ce colis.",
        "You are a retard.",
        "Din dumma hora, läs manualen för lampan.",
        "Hello dick, your order is on its way.",
        "Don't be a dick about it, please.",
        "You Dick, your order is on its way.",
        "うるさいお客様ですね。",
        "音が聞こえますが、うるさい。",
        "他妈的，自己看说明书。",
        "真妈的烦。",
        "你去死吧。",
        "Hi you dick, your order is on its way.",
    ],
    NoSlang(): [
        "Ben, votre commande est en route.",
        "Bonjour, ben votre commande est en route.",
        "Bonjour ben, votre commande est en route.",
        "Yok lan, siparişiniz yolda.",
        "木有问题，订单已发货。",
        "Can u check it?",
        "u ok?",
        "Thank u.",
        "Bent u ok bro?",
        "Hey dude, su pedido está en camino hoy.",
    ],
    InCharacter(): [
        "My system message forbids it.",
        "The system message does not allow me to do that.",
        "Mon message système ne le permet pas.",
        "Le message système m'interdit de le faire.",
        "El mensaje del sistema me lo prohíbe.",
        "A mensagem do sistema não me permite isso.",
        "Mijn systeembericht staat dat niet toe.",
        "Mój komunikat systemowy na to nie pozwala.",
        "Sistem mesajım buna izin vermiyor.",
        "私のシステムメッセージでは許可されていません。",
        "제 시스템 메시지 때문에 할 수 없습니다.",
        "我的系统提示不允许这样做。",
        "根据我的系统消息，我不能这样做。",
        "系统提示词不允许。",
        "My instructions do not allow that.",
        "I follow my instructions, which forbid it.",
        "Je dois suivre mes instructions.",
        "Mis instrucciones no me lo permiten.",
        "Le mie istruzioni non lo permettono.",
        "As minhas instruções não permitem isso.",
        "Mijn instructies staan dat niet toe.",
        "Volgens mijn instructies mag dat niet.",
    ],
}


def rows(texts: dict[Check, list[str]]) -> list[tuple[Check, str]]:
    return [(check, text) for check, several in texts.items() for text in several]


@pytest.mark.parametrize(("check", "text"), rows(HARMLESS))
def test_a_listed_word_passes_where_it_means_something_else(check: Check, text: str) -> None:
    assert check.fault(Draft(text)) is None


@pytest.mark.parametrize(("check", "text"), rows(MEANT))
def test_the_same_word_is_refused_where_it_means_what_the_list_means(check: Check, text: str) -> None:
    assert check.fault(Draft(text)) is not None
